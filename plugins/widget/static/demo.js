/* Copies the snippet and says so. */
const copied = document.getElementById("copied");
document.getElementById("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(document.getElementById("snippet").textContent);
  copied.textContent = "Gekopieerd.";
});
