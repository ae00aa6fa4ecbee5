// The prompt browser's keys and its count of chosen rows; everything works without it.
(() => {
  "use strict";

  const rows = () => [...document.querySelectorAll(".prompts tbody tr")];
  const boxes = () => [...document.querySelectorAll('.prompts input[name="id"]')];
  const here = () => rows().findIndex((row) => row.contains(document.activeElement));

  function step(by) {
    const all = rows();
    if (!all.length) return;
    const at = here();
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
    const link = all[next].querySelector("th a");
    link.focus();
    link.scrollIntoView({ block: "nearest" });
  }

  function count() {
    const said = document.querySelector("[data-chosen]");
    if (!said) return;
    const chosen = boxes().filter((box) => box.checked).length;
    said.textContent = chosen ? said.dataset.some.replace("{}", chosen) : said.dataset.none;
    const all = document.querySelector("[data-all]");
    all.checked = chosen > 0 && chosen === boxes().length;
    all.indeterminate = chosen > 0 && !all.checked;
  }

  // The buttons of the keys do not take the focus away from the row that they are about.
  document.addEventListener("mousedown", (event) => {
    if (event.target.closest("[data-step], [data-choose]")) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-step], [data-choose]");
    if (!button) return;
    if (button.dataset.step) {
      step(Number(button.dataset.step));
      return;
    }
    const at = here();
    if (at < 0) step(1);
    const box = rows()[Math.max(at, 0)]?.querySelector('input[name="id"]');
    if (!box) return;
    box.checked = !box.checked;
    count();
  });

  let last = null;
  document.addEventListener("click", (event) => {
    const box = event.target.closest('.prompts input[name="id"]');
    if (!box) return;
    if (event.shiftKey && last && last.isConnected) {
      const all = boxes();
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
      for (const between of all.slice(from, to + 1)) between.checked = box.checked;
    }
    last = box;
    count();
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]"))
      for (const box of boxes()) box.checked = event.target.checked;
    if (event.target.matches('[data-all], [name="everything"]')) count();
  });

  // Enter in the tag or use case field presses the button beside it, not the first of the form.
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest(".bulk-bar .pair input");
    if (event.key !== "Enter" || !field) return;
    event.preventDefault();
    field.parentElement.querySelector("button").click();
  });

  document.documentElement.dataset.promptKeys = "ready";
})();
