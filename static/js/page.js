// What a page does besides requests: menus, theme, dialogs, copying, times, toasts.
// Everything here adds to controls that work without it.
(() => {
  "use strict";

  const sentences = document.getElementById("sentences").dataset;
  const say = (template, value) => template.replace("{}", value);

  // ---- toasts: window.rondo.toast("good", "Saved", {label, act}); errors stay until dismissed
  const toasts = document.getElementById("toasts") || document.body.appendChild(
    Object.assign(document.createElement("div"), { id: "toasts", className: "toasts", role: "status" }),
  );

  function leave(notice) {
    if (notice.dataset.toast === "error" || notice.classList.contains("bad")) return;
    let timer;
    const start = () => (timer = setTimeout(() => notice.remove(), 6000));
    const stop = () => clearTimeout(timer);
    for (const event of ["mouseenter", "focusin"]) notice.addEventListener(event, stop);
    for (const event of ["mouseleave", "focusout"]) notice.addEventListener(event, start);
    start();
  }

  function toast(level, text, action) {
    for (const other of toasts.children) if (other.dataset.text === text) other.remove();
    const notice = document.getElementById("toast").content.firstElementChild.cloneNode(true);
    if (level === "good" || level === "bad" || level === "warn") notice.classList.add(level);
    notice.dataset.text = text;
    notice.querySelector("div").textContent = text;
    if (action) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button small";
      button.textContent = action.label;
      button.addEventListener("click", () => {
        notice.remove();
        action.act();
      });
      notice.lastElementChild.before(button);
    }
    toasts.append(notice);
    leave(notice);
  }

  [...toasts.children].forEach(leave);
  document.body.addEventListener("toast", (event) => toast(event.detail.level, event.detail.text));
  window.rondo = { toast, sentences };

  // ---- times: the exact moment in the reader's own zone, the distance kept fresh
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const distances = new Intl.RelativeTimeFormat(document.documentElement.lang, { style: "long" });

  function refresh(root) {
    for (const element of root.querySelectorAll("time[data-when]")) {
      const moment = new Date(element.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      element.title = zone.format(moment);
      const seconds = (moment - Date.now()) / 1000;
      const [size, unit] = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]].find(
        ([length]) => Math.abs(seconds) >= length,
      ) || [1, "second"];
      element.textContent =
        Math.abs(seconds) < 10 ? sentences.now : distances.format(Math.trunc(seconds / size), unit);
    }
  }

  refresh(document);
  setInterval(() => document.hidden || refresh(document), 20000);
  document.body.addEventListener("htmx:afterSettle", (event) => refresh(event.detail.elt));

  // ---- the theme: the form works alone; here it changes without a new page
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.themes") || !event.submitter) return;
    event.preventDefault();
    const theme = event.submitter.value;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `rondo-theme=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    for (const button of document.querySelectorAll("form.themes button"))
      button.setAttribute("aria-pressed", String(button.value === theme));
    document.dispatchEvent(new CustomEvent("rondo:theme"));
  });

  // ---- menus close on a click elsewhere, on Escape, and when the focus leaves
  const openMenus = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("click", (event) => {
    for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("focusin", (event) => {
    for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  });

  // ---- Ctrl+Enter sends a form with data-ctrl-enter from any of its fields
  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.("form[data-ctrl-enter]");
    if (!form || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit();
  });

  // ---- dialogs; a link with data-confirm shows the page it leads to
  async function confirm(link) {
    const dialog = document.getElementById("confirmation");
    try {
      const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const body = page.querySelector("[data-confirmation]");
      if (!answer.ok || !body) throw new Error("no confirmation there");
      dialog.querySelector("h2").textContent = body.dataset.confirmation;
      const place = dialog.querySelector(".dialog-body");
      place.replaceChildren(document.importNode(body, true));
      if (window.htmx) window.htmx.process(place);
      dialog.showModal();
    } catch {
      location.assign(link.href); // the page itself, with its own answer
    }
  }

  document.addEventListener("click", (event) => {
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
    const target = event.target.closest("[data-confirm], [data-open], [data-close], [data-copy], .notice .close");
    if (!target || !plain) return;
    if (target.matches("[data-confirm]")) {
      event.preventDefault();
      confirm(target);
    } else if (target.matches("[data-open]")) {
      document.getElementById(target.dataset.open).showModal();
    } else if (target.matches("[data-copy]")) {
      copy(target);
    } else if (target.matches(".close")) {
      target.closest(".notice").remove();
    } else if (target.closest("dialog[open]")) {
      event.preventDefault();
      target.closest("dialog").close();
    }
  });

  document.addEventListener("click", (event) => {
    if (event.target.matches("dialog[open]:modal")) event.target.close(); // its backdrop
  });

  async function copy(button) {
    const source = button.closest("[data-copyable]").querySelector("pre, code, input, output");
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      toast("good", sentences.copied);
    } catch {
      toast("bad", sentences.notCopied);
    }
  }

  // ---- code in texts can be copied
  function addCopying(root) {
    for (const code of root.querySelectorAll(".prose pre:not(.raw)")) {
      if (code.closest("[data-copyable]")) continue;
      const around = document.createElement("div");
      around.className = "copyable";
      around.dataset.copyable = "";
      code.replaceWith(around);
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button small copy";
      button.dataset.copy = "";
      button.textContent = sentences.copy;
      around.append(code, button);
    }
  }

  addCopying(document);
  document.body.addEventListener("htmx:afterSettle", (event) => addCopying(event.detail.elt));

  // ---- Escape closes what is open
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of openMenus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // ---- a form that came back with errors says so first
  document.querySelector("[data-focus]")?.focus();
})();
