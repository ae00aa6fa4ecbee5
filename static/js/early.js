// Keys pressed while the page is there to see but its scripts are still on their way are kept and
// given to them in order, so that nobody on a slow machine presses a key in vain. Runs at once.
(() => {
  "use strict";

  const kept = [];

  function keep(event) {
    const command = event.ctrlKey || event.metaKey; // a chord is meant for the page wherever the focus is
    if (event.isTrusted && !event.repeat && (command || event.target === document.body)) kept.push(event);
  }

  document.addEventListener("keydown", keep, true);
  document.addEventListener("DOMContentLoaded", () => {
    document.removeEventListener("keydown", keep, true); // deferred scripts have run by now
    for (const { key, code, ctrlKey, metaKey, shiftKey, altKey } of kept)
      (document.activeElement || document.body).dispatchEvent(
        new KeyboardEvent("keydown", { key, code, ctrlKey, metaKey, shiftKey, altKey, bubbles: true, cancelable: true }),
      );
  });
})();
