// The keyboard: data-key="g w" with data-key-label on any link, button or field. "?" lists the keys of
// the page; single ones can be changed there, for this browser and this kind of page.
(() => {
  "use strict";

  const { sentences } = window.rondo;
  const OFF = "rondo-keys-off";
  const CHANGED = "rondo-keys";
  const dialog = document.getElementById("keys");
  const list = dialog.querySelector("[data-keys]");
  const status = dialog.querySelector("[data-keys-status]");
  const reset = dialog.querySelector("[data-keys-reset]");
  const typing = (element) =>
    element.isContentEditable ||
    /^(TEXTAREA|SELECT)$/.test(element.tagName) ||
    (element.tagName === "INPUT" && !/^(checkbox|radio|button|submit|range)$/.test(element.type));
  const on = () => localStorage.getItem(OFF) === null;

  // ---- which key does what: the one in the page, unless the person chose another one here
  const words = location.pathname.split("/").filter((part) => part && !/^\d+$/.test(part));
  const place = document.getElementById("respond")?.dataset.kind ?? words.slice(words[0] === "w" ? 2 : 0).join("/");
  let changed = {};
  try {
    changed = JSON.parse(localStorage.getItem(CHANGED)) ?? {};
  } catch {
    // somebody else's entry: begin anew
  }
  const name = (element) => `${place} ${element.dataset.key}`;
  const keyOf = (element) => changed[name(element)] ?? element.dataset.key;
  const registered = () =>
    [...document.querySelectorAll("[data-key]")].filter((element) => !element.closest("[inert], template"));

  function choose(element, key) {
    if (key === element.dataset.key) delete changed[name(element)];
    else changed[name(element)] = key;
  }

  function keep() {
    localStorage.setItem(CHANGED, JSON.stringify(changed));
    show();
  }

  // What the page says beside a button is the key that works.
  function hint() {
    for (const element of registered()) {
      const cap = (element.closest("label") ?? element).querySelector("kbd");
      if (!cap || (cap.dataset.was ?? cap.textContent) !== element.dataset.key) continue;
      cap.dataset.was = element.dataset.key;
      cap.textContent = keyOf(element);
    }
  }

  // ---- the list, and the change of one key
  let asking = null;

  const caps = (key) =>
    key.split(" ").flatMap((part, index) => {
      const cap = document.createElement("kbd");
      cap.textContent = part;
      return index ? [" ", cap] : [cap];
    });

  function row(label, key, element) {
    const term = document.createElement("dt");
    const detail = document.createElement("dd");
    term.textContent = label;
    detail.append(...caps(key));
    if (element && !element.dataset.key.includes(" ") && element.dataset.key.length === 1) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button quiet small";
      button.setAttribute("aria-label", sentences.changeKey.replace("{}", label));
      button.append(...detail.childNodes);
      button.addEventListener("click", () => {
        asking = element;
        button.querySelector("kbd").textContent = "…";
        status.textContent = sentences.pressKey.replace("{}", label);
      });
      detail.append(button);
    }
    return [term, detail];
  }

  function show() {
    const notes = [...document.querySelectorAll("[data-key-note]")].map((e) => row(e.dataset.keyLabel, e.dataset.keyNote));
    const keys = registered().map((e) => row(e.dataset.keyLabel || e.textContent.trim(), keyOf(e), e));
    list.replaceChildren(...[row(sentences.help, "?"), ...notes, ...keys].flat());
    status.textContent = list.querySelector("button") ? status.dataset.usual : "";
    reset.hidden = !registered().some((element) => name(element) in changed);
    dialog.querySelector("[data-keys-on]").checked = on();
    hint();
  }

  const isTaken = (key) => key === "?" || (document.querySelector("[data-lanes]") && (/^[0-9]$/.test(key) || document.querySelector(`[data-chip="${CSS.escape(key.toUpperCase())}"]`)));

  dialog.addEventListener("keydown", (event) => {
    if (!asking || event.key === "Tab") return;
    const key = event.key.toLowerCase();
    if (event.key !== "Escape" && (event.key.length !== 1 || event.key === " ")) return;
    event.preventDefault();
    if (event.key !== "Escape" && isTaken(key)) {
      status.textContent = sentences.keyTaken.replace("{}", key);
      return;
    }
    if (event.key !== "Escape") {
      const other = registered().find((element) => element !== asking && keyOf(element) === key);
      if (other) choose(other, keyOf(asking)); // they change places: every act keeps a key
      choose(asking, key);
    }
    const at = [...list.querySelectorAll("button")].indexOf(document.activeElement);
    asking = null;
    keep();
    list.querySelectorAll("button")[at]?.focus();
  });

  reset.addEventListener("click", () => {
    for (const element of registered()) delete changed[name(element)];
    keep();
    dialog.querySelector("button").focus();
  });

  new MutationObserver(() => {
    asking = null;
    if (dialog.open) show();
  }).observe(dialog, { attributeFilter: ["open"] });
  dialog.querySelector("[data-keys-on]").addEventListener("change", (event) => {
    if (event.target.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  });

  // ---- a key is pressed
  let before = "";
  let beforeAt = 0;

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (event.key === "Shift" || typing(event.target) || !on()) return;
    if (document.querySelector("dialog[open]:modal")) return;
    if (event.key === "?") {
      event.preventDefault();
      dialog.showModal();
      return;
    }
    const pressed = event.key.length === 1 ? event.key : event.key.toLowerCase();
    const pair = event.timeStamp - beforeAt < 1500 ? `${before} ${pressed}` : pressed;
    const found = registered().find((e) => keyOf(e) === pair) || registered().find((e) => keyOf(e) === pressed);
    before = pressed;
    beforeAt = event.timeStamp;
    if (!found || found.disabled) return;
    event.preventDefault();
    if (typing(found)) found.focus();
    else found.click();
  });

  hint();
})();
