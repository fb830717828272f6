// Runs in every page before its own scripts; pushes the page once it can be read, and each frame of a live page.
// A form, link or script of the page that leads to another host is stopped, and told. A page of more than `most` bytes
// is not pushed, and not loaded further: that it is too long is told in its place.
// `late`: the page's own scripts may have run before; perhaps all of it was loaded long ago.
(push, most, late = false) => {
  if (window !== window.top) return;

  // Chromium keeps a document that was left for as long as something in it may still push.
  window.addEventListener("pagehide", () => (push = () => {}));

  const { stringify } = JSON;
  const encoder = new TextEncoder();
  const isLong = (text) => 3 * text.length > most && encoder.encode(text).length > most;
  const waiting = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => push(stringify(waiting.shift()()));
  // A task of its own, in order: the page's own listeners have then seen the event. Timers of hidden tabs would lag.
  const afterwards = (tell) => {
    waiting.push(tell);
    port2.postMessage(null);
  };

  // Browsers that know no WebDriver BiDi may be too old for this too.
  window.navigation?.addEventListener("navigate", (event) => {
    const { protocol, hostname, pathname } = new URL(event.destination.url);
    if (!/^https?:$/.test(protocol) || !/^https?:$/.test(location.protocol) || hostname === location.hostname) return;
    event.preventDefault();
    afterwards(() => ({ kind: "away", host: hostname, path: pathname }));
  });

  const timing = performance.getEntriesByType("navigation")[0];
  const loaded = document.readyState === "complete";
  const readable = loaded || timing?.domContentLoadedEventEnd > 0;
  const readableSince = readable ? timing?.domContentLoadedEventEnd : undefined;

  const pageNow = (told) => {
    // Firefox shows its error page under the address that failed, and draws its words where no reader finds them.
    const failed = document.documentURI.startsWith("about:neterror");
    if (failed) document.body.textContent = new URLSearchParams(document.documentURI.split("?")[1]).get("d");
    const address = failed ? document.documentURI : location.href;
    const html = document.documentElement.outerHTML;
    if (isLong(html) || isLong(stringify(told))) return { kind: "long", address };
    const status = timing?.responseStatus ?? 0;
    // Milliseconds for which it could be read before it was.
    const age = readableSince === undefined ? 0 : performance.now() - readableSince;
    return { kind: "page", address, status, age, html, told };
  };
  // A page without end never gets as far as to be pushed. What looks at its length waits longer each time.
  const lookAtLength = (pause) => setTimeout(() => {
    if (document.readyState !== "loading") return;
    if (!isLong(document.documentElement.outerHTML)) return lookAtLength(2 * pause);
    window.stop();
    push(stringify({ kind: "long", address: location.href }));
    push = () => {};
  }, pause);
  lookAtLength(500);

  // A page that tells bots what is on it may be able to only once it is loaded, and may need some moments more.
  const tellOnce = (triesLeft) => {
    try {
      const told = window.readPage() ?? {};
      afterwards(() => pageNow(told));
    } catch (error) {
      if (triesLeft > 0) setTimeout(() => tellOnce(triesLeft - 1), 250);
      else afterwards(() => pageNow({ failed: String(error) }));
    }
  };

  const onceReadable = () => {
    if (typeof window.readPage !== "function") afterwards(() => pageNow(null));
    else if (loaded) tellOnce(8);
    else window.addEventListener("load", () => tellOnce(8));
    // oTree asks people on an arrival wait page whether they are still there; whoever sits here is.
    if (document.getElementById("are-you-there")) {
      setInterval(() => document.dispatchEvent(new Event("mousemove")), 20_000);
    }
  };
  if (readable) onceReadable();
  else document.addEventListener("DOMContentLoaded", onceReadable);

  const heard = new WeakSet();
  const hear = (socket) => {
    if (heard.has(socket) || !/\/(live|chat)$/.test(new URL(socket.url).pathname)) return;
    heard.add(socket);
    socket.addEventListener("message", ({ data }) => afterwards(() => ({ kind: "frame", data: String(data) })));
  };
  const Socket = window.WebSocket;
  window.WebSocket = class WebSocket extends Socket {
    constructor(...options) {
      super(...options);
      hear(this);
    }
  };
  if (!late) return;

  // A socket that was made before is found where oTree keeps it, or once its page does something more with it.
  const { send } = Socket.prototype;
  Socket.prototype.send = function (...given) {
    hear(this);
    send.apply(this, given);
  };
  const binaryType = Object.getOwnPropertyDescriptor(Socket.prototype, "binaryType");
  const set = function (type) {  // as oTree's library does once it is open
    hear(this);
    binaryType.set.call(this, type);
  };
  Object.defineProperty(Socket.prototype, "binaryType", { ...binaryType, set });
  const { liveSocket } = window;
  [liveSocket, liveSocket?._ws].filter((one) => one instanceof Socket).forEach(hear);
}
