/* Copies the snippet and says so. Without a script there is no button. */
const button = document.getElementById("copy");
const copied = document.getElementById("copied");
button.hidden = false;
button.addEventListener("click", async () => {
  await navigator.clipboard.writeText(document.getElementById("snippet").textContent);
  copied.textContent = copied.dataset.said;
});
