// Sends one message through the page's own live channel, which holds it back until its socket is open.
(message) => {
  if (typeof window.liveSend !== "function") return false;
  window.liveSend(message);
  return true;
}
