/* A page whose network is gone: it says so, keeps what was typed, and goes on by itself when the network is back.

   Forms wait: sent without a network, the browser would show its own error page instead of the market, and a timer
   that ends meanwhile is such a form. Live messages that had no answer are sent once more when the line is open
   again, under the same ref: the server gives a ref that it has answered the first answer, and does nothing twice. */

(function () {
  "use strict";

  const form = document.getElementById("form");
  const unanswered = new Map(); // ref -> message
  let waiting = false; // a form waits for the network
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
    notice.textContent = words;
  }

  function lost() {
    say("There is no network connection. What you typed stays here, and the page goes on by itself when the connection is back.");
  }

  /* The network may be back before the server can be reached through it. */
  function back() {
    fetch("/static/market/line.js", { method: "HEAD", cache: "no-store" }).then(goOn, () => setTimeout(back, 1000));
  }

  function goOn() {
    say("");
    if (!waiting) return;
    waiting = false;
    $(form).trigger("submit");
  }

  // oTree's timer sends the form through jQuery, which asks only handlers that were added through jQuery.
  if (form) {
    $(form).on("submit", (event) => {
      if (navigator.onLine) return;
      event.preventDefault();
      waiting = true;
      lost();
    });
  }
  window.addEventListener("offline", lost);
  window.addEventListener("online", back);
  if (!navigator.onLine) lost();

  if (typeof liveSocket === "undefined") return;
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
  let opened = liveSocket.readyState === WebSocket.OPEN;
  liveSocket.addEventListener("open", () => {
    if (opened) unanswered.forEach((message) => send(message));
    opened = true;
  });
})();
