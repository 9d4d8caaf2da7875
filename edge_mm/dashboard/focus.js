// The keyboard's focus stays where it was when cards are put in another order; when what had it is gone, it goes to the
// heading of its section, and after a change of the view to the view's heading: never to a button that somebody could
// press without having meant it. On top of it the link that skips the header.
(() => {
  let last = null, part = null;
  const to = (heading) => { heading.tabIndex = -1; heading.focus({ preventScroll: part && part.isConnected }); last = null; };
  document.addEventListener("focusin", (event) => {
    if (event.target.closest("#main")) { last = event.target; part = last.closest("section"); } else last = null;
  });
  document.addEventListener("pointerdown", () => { last = null; });
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".skip")) return;
    event.preventDefault();
    document.getElementById("main").focus();
  });
  new MutationObserver(() => {
    if (!last || document.activeElement !== document.body || !document.hasFocus()) return;
    if (last.isConnected) { last.focus({ preventScroll: true }); return; }
    const heading = (part && part.isConnected ? part : document.getElementById("main"))?.querySelector("h2, h3");
    if (heading) to(heading);
  }).observe(document, { childList: true, subtree: true });
})();
