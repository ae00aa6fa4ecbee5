// The annotation page: keys, drafts, dragging, the timer, and a submit that survives the network.
(() => {
  "use strict";

  const form = document.getElementById("respond");
  if (!form) return;
  const working = Boolean(form.dataset.draft); // a check or a review has no draft, timer or gate
  const { toast } = window.rondo;
  const say = (name) => form.dataset[`sentence${name}`];
  const status = form.querySelector("[data-status]") ?? document.createElement("span");
  const field = (name) => form.elements.namedItem(name);

  // ---- time at work: seconds in which the page was seen and something happened in the last minute
  let worked = 0;
  let active = Date.now();
  for (const event of working ? ["keydown", "pointermove", "scroll", "touchstart", "wheel"] : [])
    window.addEventListener(event, () => (active = Date.now()), { passive: true, capture: true });
  if (working)
    setInterval(() => {
      if (!document.hidden && Date.now() - active < 60000) worked += 1;
      field("seconds").value = String(worked);
    }, 1000);

  // ---- both answers are to be seen to their end before a choice counts
  const choices = working ? [...form.querySelectorAll("[data-choice] input")] : [];
  const ends = choices.length ? [...document.querySelectorAll("[data-end]")] : [];
  const unseen = new Set(ends);
  const gate = () => {
    for (const choice of choices) choice.disabled = unseen.size > 0;
    if (choices.length) status.textContent = unseen.size ? say("Unseen") : "";
  };
  function look() {
    const edge = Math.min(innerHeight, form.getBoundingClientRect().top) + 1; // the form may cover the rest
    for (const end of unseen) if (end.getBoundingClientRect().bottom <= edge) unseen.delete(end);
    gate();
  }
  if (ends.length) {
    for (const event of ["scroll", "resize", "load", "toggle"])
      window.addEventListener(event, () => unseen.size && look(), { passive: true, capture: true });
    look();
  }

  // ---- a strength belongs to a preference
  const strengths = [...form.querySelectorAll("input[name=strength]")];
  function fitStrength() {
    const choice = field("choice")?.value;
    const preference = choice === "left" || choice === "right";
    for (const strength of strengths) {
      strength.disabled = !preference;
      if (!preference) strength.checked = false;
    }
  }
  if (strengths.length) {
    form.addEventListener("change", fitStrength);
    fitStrength();
  }

  // ---- ranking: the radios hold the truth; chips and keys only set them
  const lanes = form.querySelector("[data-lanes]");
  const chip = (letter) => lanes.querySelector(`[data-chip="${letter}"]`);
  let picked = null;

  function pick(letter) {
    picked = letter;
    for (const other of lanes.querySelectorAll(".chip")) other.classList.toggle("picked", other.dataset.chip === letter);
    for (const card of document.querySelectorAll(".answer")) card.classList.toggle("picked", card.dataset.letter === letter);
    if (letter) document.getElementById(`answer-${letter}`).scrollIntoView({ block: "nearest" });
  }

  function place(letter, tier) {
    for (const radio of document.getElementsByName(`tier-${letter}`)) radio.checked = radio.value === tier;
    field("typed").value = "";
    show();
    form.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function show() {
    for (const group of document.querySelectorAll("[data-tiers]")) {
      const letter = group.dataset.tiers;
      const tier = group.querySelector("input:checked")?.value ?? "";
      lanes.querySelector(`[data-tier="${tier}"]`).append(chip(letter));
    }
  }

  if (lanes) {
    show();
    // The radios stand beside their answers, outside the form that they belong to.
    document.addEventListener("change", (event) => {
      if (!event.target.name?.startsWith("tier-")) return;
      field("typed").value = "";
      show();
      form.dispatchEvent(new Event("input", { bubbles: true }));
    });
    lanes.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData("text/plain", event.target.dataset.chip);
      pick(event.target.dataset.chip);
    });
    for (const lane of lanes.querySelectorAll(".lane")) {
      lane.addEventListener("dragover", (event) => {
        event.preventDefault();
        lane.classList.add("over");
      });
      lane.addEventListener("dragleave", () => lane.classList.remove("over"));
      lane.addEventListener("drop", (event) => {
        event.preventDefault();
        lane.classList.remove("over");
        place(event.dataTransfer.getData("text/plain"), lane.dataset.tier);
      });
      lane.addEventListener("click", (event) => {
        if (event.target.matches("[data-chip]")) pick(event.target.dataset.chip);
        else if (picked) place(picked, lane.dataset.tier);
      });
    }
    document.addEventListener("keydown", (event) => {
      const busy = /^(TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.matches("input:not([type=radio])");
      if (event.ctrlKey || event.metaKey || event.altKey || busy) return;
      if (document.querySelector("dialog[open]")) return;
      const letter = event.key.toUpperCase();
      if (event.key.length === 1 && chip(letter)) {
        event.preventDefault();
        pick(letter);
      } else if (picked && /^[0-9]$/.test(event.key)) {
        const tier = event.key === "0" ? "none" : event.key;
        if (!lanes.querySelector(`[data-tier="${tier}"]`)) return;
        event.preventDefault();
        place(picked, tier);
      }
    }, true);
  }

  // ---- best and worst: a letter names the best answer, with Shift the worst; never one as both
  const extremes = form.querySelector("[data-extremes]");
  const named = (name) => [...document.getElementsByName(name)].find((radio) => radio.checked);

  function tell() {
    const said = extremes.querySelector(".said");
    const parts = ["best", "worst"].map((name) => [said.dataset[name === "best" ? "saidBest" : "saidWorst"], named(name)?.value ?? "–"].join(" "));
    said.textContent = parts.join(" · ");
    for (const card of document.querySelectorAll(".answer")) {
      card.classList.toggle("is-best", named("best")?.value === card.dataset.letter);
      card.classList.toggle("is-worst", named("worst")?.value === card.dataset.letter);
    }
  }

  if (extremes) {
    tell();
    document.addEventListener("change", (event) => {
      const { name, value } = event.target;
      if (name !== "best" && name !== "worst") return;
      const other = named(name === "best" ? "worst" : "best");
      if (other?.value === value) other.checked = false;
      tell();
      form.dispatchEvent(new Event("input", { bubbles: true }));
    });
    document.addEventListener("keydown", (event) => {
      const busy = /^(TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.matches("input:not([type=radio])");
      if (event.ctrlKey || event.metaKey || event.altKey || busy || document.querySelector("dialog[open]")) return;
      const letter = event.key.length === 1 ? event.key.toUpperCase() : "";
      const name = event.shiftKey ? "worst" : "best";
      const radio = [...document.getElementsByName(name)].find((one) => one.value === letter);
      if (!radio) return;
      event.preventDefault();
      radio.checked = true;
      radio.dispatchEvent(new Event("change", { bubbles: true }));
      document.getElementById(`answer-${letter}`).scrollIntoView({ block: "nearest" });
    }, true);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      form.requestSubmit(form.querySelector("button.primary"));
    }
  });

  if (!working) return;

  // ---- drafts: saved a moment after the last change, never over a newer one
  let timer;
  let saving = false;
  let sent = false;

  async function save() {
    clearTimeout(timer);
    if (saving || sent) return;
    saving = true;
    try {
      const answer = await fetch(form.dataset.draft, { method: "POST", body: new FormData(form) });
      const body = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
      if (answer.ok) {
        field("draft_version").value = String(body.version);
        if (!sent) status.textContent = say("Saved");
      } else if (answer.status === 409) {
        await navigator.clipboard?.writeText(field("text")?.value ?? "").catch(() => {});
        toast("bad", say("Conflict"));
      }
    } catch {
      // the next change tries again; the text itself is still in the form
    } finally {
      saving = false;
    }
  }

  function saveSoon() {
    clearTimeout(timer);
    timer = setTimeout(save, 1200);
  }

  form.addEventListener("input", saveSoon);
  // What was typed or chosen before this script ran is kept as well.
  const touched = (e) => (/^(radio|checkbox)$/.test(e.type) ? e.checked !== e.defaultChecked : e.type !== "hidden" && "defaultValue" in e && e.value !== e.defaultValue);
  if ([...form.elements].some(touched)) saveSoon();

  // ---- submit: kept here until the server has taken it; the key in the form makes repeats harmless
  async function send(wait) {
    try {
      const headers = { Accept: "application/json" }; // asks where to go, so that the next page loads once
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers });
      if (answer.status >= 500 || answer.status === 429) throw new Error("busy");
      if (answer.status === 422) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const notice = page.querySelector(".notice.bad");
        sent = false;
        form.querySelector("[data-submit]").disabled = false;
        status.textContent = "";
        document.querySelector(".work > .notice.bad")?.remove();
        if (notice) {
          document.querySelector(".work").prepend(document.importNode(notice, true));
          document.querySelector(".work > .notice.bad").focus();
        }
        return;
      }
      const json = answer.headers.get("Content-Type")?.includes("json");
      location.assign(json ? (await answer.json()).next : answer.url);
    } catch {
      status.textContent = say("Unsent");
      setTimeout(() => send(Math.min(wait * 2, 30000)), wait);
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (sent) return;
    sent = true;
    clearTimeout(timer);
    form.querySelector("[data-submit]").disabled = true;
    send(1000);
  });

  window.addEventListener("beforeunload", (event) => {
    if (sent && status.textContent === say("Unsent")) event.preventDefault();
  });

})();
