// Calls functions that the page itself defines, in order, with arguments that are data. Says which one is missing
// or refused; empty where all went well.
(calls) => {
  for (const { name, args } of calls) {
    if (typeof window[name] !== "function") return `This page has no ${name}().`;
    if (window[name](...args) === false) return `${name}() refused.`;
  }
  return "";
}
