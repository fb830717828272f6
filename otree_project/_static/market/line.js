/* A page whose network or server is gone: it says so, keeps what was typed, and goes on by itself when both are back.

   Forms wait: sent without a network or to a server that is being started anew, the browser would show its own error
   page instead of the market; a timer that ends meanwhile is such a form. A server that ends breaks the page's sockets,
   so as long as they hold nothing has to be asked. Live messages that had no answer are sent once more when the line is
   open again, under the same ref: the server gives a ref that it has answered the first answer, and does nothing twice. */

(function () {
  "use strict";

  const ASKED = "/static/market/line.js"; // a small file that the server itself answers
  const PATIENCE = 10000; // a busy server answers late, and is not away
  const form = document.getElementById("form");
  const live = typeof liveSocket === "undefined" ? null : liveSocket;
  const unanswered = new Map(); // ref -> message
  let held = null; // a form that waits to be sent: {submitter}
  let broken = false; // a socket has, and nobody has looked since whether the server is there
  let looking = false;
  let passing = false;
  let leaving = false;
  let notice = null;

  function say(words) {
    if (!words) {
      if (notice) notice.remove();
      notice = null;
      return;
    }
    if (!notice) {
      notice = document.createElement("p");
      notice.className = "line-notice";
      notice.setAttribute("role", "alert");
      document.querySelector("main").prepend(notice);
    }
    if (notice.textContent !== words) notice.textContent = words; // told once, not at every look
  }

  function lost() {
    const what = navigator.onLine ? "The server cannot be reached." : "There is no network connection.";
    const kept = form ? "What you typed stays here, and the page" : "The page";
    const back = navigator.onLine ? "the server" : "the connection";
    say(what + " " + kept + " goes on by itself when " + back + " is back.");
  }

  function isThere() {
    return fetch(ASKED, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) }).then(
      (answer) => answer.status < 500, () => false);
  }

  /* The network may be back before the server can be reached through it. */
  async function look() {
    if (looking || leaving) return;
    looking = true;
    const there = navigator.onLine && (await isThere());
    looking = false;
    if (leaving) return;
    if (there) return goOn();
    lost();
    if (navigator.onLine) setTimeout(look, 1000 + 500 * Math.random()); // else the browser tells
  }

  function goOn() {
    broken = false;
    say(live && live.readyState !== WebSocket.OPEN ? "Connecting to the market again." : "");
    if (!held) return;
    const { submitter } = held;
    held = null;
    passing = true;
    if (submitter) {
      submitter.disabled = false; // oTree's script takes it away for a while once it was pressed
      form.requestSubmit(submitter);
    } else {
      $(form).trigger("submit");
    }
    passing = false;
  }

  // oTree's timer sends the form through jQuery, which asks only handlers that were added through jQuery.
  if (form) {
    $(form).on("submit", (event) => {
      if (passing || (navigator.onLine && !broken) || event.isDefaultPrevented()) return;
      event.preventDefault();
      const pressed = event.originalEvent && event.originalEvent.submitter;
      held = { submitter: form.elements.timeout_happened ? null : pressed };
      look();
    });
  }
  window.addEventListener("offline", lost);
  window.addEventListener("online", look);
  window.addEventListener("market-socket-broken", () => {
    broken = true;
    look();
  });
  window.addEventListener("pagehide", () => { leaving = true; });
  window.addEventListener("pageshow", () => { leaving = false; });
  if (!navigator.onLine) lost();

  if (!live) return;
  const send = window.liveSend;
  window.liveSend = (message) => {
    if (message && message.ref) unanswered.set(message.ref, message);
    send(message);
  };
  const receive = window.liveRecv;
  window.liveRecv = (frame) => {
    if (frame && frame.ref) unanswered.delete(frame.ref);
    receive(frame);
  };
  let opened = live.readyState === WebSocket.OPEN;
  live.addEventListener("open", () => {
    if (opened) unanswered.forEach((message) => send(message));
    opened = true;
    say("");
  });
})();
