// Returns the page as it is now, and what it tells bots where it offers to; null where one has more than `most` bytes.
(most) => {
  let told = null;
  if (typeof window.readPage === "function") {
    try {
      told = window.readPage() ?? {};
    } catch (error) {
      told = { failed: String(error) };
    }
  }
  const isLong = (text) => 3 * text.length > most && new TextEncoder().encode(text).length > most;
  const html = document.documentElement.outerHTML;
  return isLong(html) || isLong(JSON.stringify(told)) ? null : { html, told };
}
