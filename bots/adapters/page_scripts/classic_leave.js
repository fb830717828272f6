// Marks the document as none of the tab that opens its address now.
() => {
  const place = Symbol.for("bots.tab");
  if (!window[place]) Object.defineProperty(window, place, { value: { tab: null } });
}
