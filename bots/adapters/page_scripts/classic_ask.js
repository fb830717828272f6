// Calls one of our functions, if the document is that of the visit. Returns its value as JSON, or the words with
// which it threw, and what the page has told meanwhile; `gone` where the document is another.
(called, visit, given) => {
  const kept = window[Symbol.for("bots.tab")];
  if (kept?.visit !== visit) return { gone: true };
  try {
    const value = JSON.stringify(called(...JSON.parse(given)) ?? null);
    return { value, told: kept.taken() };
  } catch (error) {
    return { threw: String(error), told: kept.taken() };
  }
}
