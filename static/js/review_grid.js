// Several items to accept at once: keys walk from card to card and tick them; nothing is decided before
// the form is sent.
(() => {
  "use strict";

  const form = document.getElementById("grid");
  if (!form) return;
  const boxes = [...form.querySelectorAll("[data-card] input[type=checkbox]")];
  const count = form.querySelector("[data-count]");
  let at = -1;

  function go(place) {
    at = Math.max(0, Math.min(boxes.length - 1, place));
    boxes[at]?.focus({ preventScroll: true });
    boxes[at]?.closest("[data-card]").scrollIntoView({ block: "nearest" });
  }

  function tell() {
    count.textContent = String(boxes.filter((box) => box.checked).length);
  }

  const acts = {
    next: () => go(at + 1),
    back: () => go(at - 1),
    tick: () => {
      const place = Math.max(at, 0);
      boxes[place].checked = !boxes[place].checked;
      go(place + (place < boxes.length - 1 ? 1 : 0));
    },
    all: () => {
      const every = boxes.every((box) => box.checked);
      for (const box of boxes) box.checked = !every;
    },
  };
  for (const button of form.querySelectorAll("[data-act]"))
    button.addEventListener("click", () => {
      acts[button.dataset.act]();
      tell();
    });
  for (const [place, box] of boxes.entries()) box.addEventListener("focus", () => (at = place));
  form.addEventListener("change", tell);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    form.requestSubmit();
  });
  tell();
})();
