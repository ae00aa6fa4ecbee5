// The page of a new campaign: fields that the chosen kind does not have are hidden.
(() => {
  "use strict";

  const kinds = [...document.querySelectorAll("input[name=kind]")];

  function fit() {
    const kind = kinds.find((radio) => radio.checked)?.value;
    for (const field of document.querySelectorAll("[data-only]"))
      field.hidden = Boolean(kind) && !field.dataset.only.split(" ").includes(kind) && !field.querySelector(".errors");
    for (const group of document.querySelectorAll("[data-group]"))
      group.hidden = ![...group.querySelectorAll(":scope > div")].some((field) => !field.hidden);
  }

  for (const radio of kinds) radio.addEventListener("change", fit);
  fit();
})();
