/* Copies the snippet and says so. Without a script there is no button. */
const button = document.getElementById("copy");
const copied = document.getElementById("copied");
const snippet = document.getElementById("snippet");
button.hidden = false;
button.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(snippet.textContent);
    copied.textContent = copied.dataset.said;
  } catch {
    // Over plain http there is no clipboard, and a browser may refuse it anywhere.
    getSelection().selectAllChildren(snippet);
    copied.textContent = copied.dataset.yourself;
  }
});
