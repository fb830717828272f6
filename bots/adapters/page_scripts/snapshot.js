// Returns the page as it is now, and what it tells bots where it offers to.
() => {
  let told = null;
  if (typeof window.readPage === "function") {
    try {
      told = window.readPage() ?? {};
    } catch (error) {
      told = { failed: String(error) };
    }
  }
  return { html: document.documentElement.outerHTML, told };
}
