// Answers once the page has something to tell: its visit and its messages ([text, milliseconds ago] each), or
// nothing after so many milliseconds, or where the page is that of an earlier tab. Where it has not been watched
// so far, it is from now on, under the given visit.
(watch, tab, visit, milliseconds, most, answer) => {
  const place = Symbol.for("bots.tab");

  const begun = () => {
    const told = [];
    const kept = {
      tab,
      visit,
      wake: () => {},
      taken: () => told.splice(0).map(({ text, at }) => [text, performance.now() - at]),
    };
    Object.defineProperty(window, place, { value: kept });
    const push = (text) => {
      told.push({ text, at: performance.now() });
      kept.wake();
    };
    // A dialog would hold up every command. It is answered as the driver would, and its words are kept.
    const say = (words = "") => push(JSON.stringify({ kind: "prompt", words: String(words) }));
    window.alert = (words) => say(words);
    window.confirm = (words) => {
      say(words);
      return true;
    };
    window.prompt = (words, preset = "") => {
      say(words);
      return String(preset);
    };
    watch(push, most, true);
    return kept;
  };

  const kept = window[place] ?? begun();
  const close = (messages) => {
    clearTimeout(timer);
    kept.wake = () => {};
    answer(kept.tab === tab ? [kept.visit, messages] : null);
  };
  const timer = setTimeout(() => close([]), milliseconds);
  if (kept.tab !== tab) return;
  kept.wake = () => close(kept.taken());
  const messages = kept.taken();
  if (messages.length > 0) close(messages);
}
