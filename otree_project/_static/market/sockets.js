/* The sockets of a page: they come back soon after the line or the server does (oTree's own may wait ten seconds
   longer, in which a market moves on), and the page is told when one breaks. Loaded before oTree's scripts make any. */

window.makeReconnectingWebSocket = function (path) {
  "use strict";
  const scheme = window.location.protocol === "https:" ? "wss://" : "ws://";
  const socket = new ReconnectingWebSocket(scheme + window.location.host + path, undefined, {
    minReconnectionDelay: 500 + 500 * Math.random(), // not all pages of a session at once
    maxReconnectionDelay: 2000,
  });
  socket.addEventListener("close", () => window.dispatchEvent(new Event("market-socket-broken")));
  return socket;
};
