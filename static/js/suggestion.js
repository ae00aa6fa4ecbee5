// A suggestion on the annotation page: one key fills the form with it, once more brings back what was
// there. Nothing is submitted by it.
(() => {
  "use strict";

  const form = document.getElementById("respond");
  const button = document.querySelector("[data-take]");
  if (!form || !button) return;
  const fields = [...document.querySelectorAll("[data-suggested]")].map((one) => [one.dataset.suggested, one.value]);
  const caption = button.querySelector("[data-caption]");
  const took = form.elements.namedItem("took_suggestion");
  let before = null;

  const inputs = (name) => [...document.getElementsByName(name)];
  const value = (name) => {
    const found = inputs(name);
    return found[0]?.type === "radio" ? (found.find((one) => one.checked)?.value ?? "") : (found[0]?.value ?? "");
  };

  function fill(name, wanted) {
    const found = inputs(name);
    for (const one of found)
      if (one.type === "radio") one.checked = one.value === wanted;
      else one.value = wanted;
    const changed = found.find((one) => one.checked) ?? found[0];
    changed?.dispatchEvent(new Event("change", { bubbles: true }));
    changed?.dispatchEvent(new Event("input", { bubbles: true }));
  }

  button.addEventListener("click", () => {
    if (inputs("choice").some((one) => one.disabled)) {
      form.querySelector("[data-status]").textContent = form.dataset.sentenceUnseen;
      return;
    }
    const wanted = before ?? fields;
    before = before ? null : fields.map(([name]) => [name, value(name)]);
    for (const [name, one] of wanted) fill(name, one);
    took.value = before ? "1" : "";
    button.setAttribute("aria-pressed", String(Boolean(before)));
    caption.textContent = before ? button.dataset.back : button.dataset.take;
  });
})();
