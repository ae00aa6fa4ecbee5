// The diversity meter: how near the prompt comes to those there are, a moment after the last letter.
(() => {
  "use strict";

  const place = document.querySelector("[data-nearness]");
  const form = document.getElementById("respond");
  if (!place || !form?.dataset.draft) return;
  const text = document.getElementById(place.dataset.of);
  const meter = place.querySelector("meter");
  const [said, near] = [place.querySelector("[data-said]"), place.querySelector("[data-near]")];
  let timer;
  let asked = 0;

  async function ask() {
    const number = (asked += 1);
    const body = new FormData();
    body.set("csrfmiddlewaretoken", form.elements.namedItem("csrfmiddlewaretoken").value);
    body.set("text", text.value);
    try {
      const answer = await fetch(place.dataset.nearness, { method: "POST", body });
      if (!answer.ok || number !== asked) return; // a later one is on its way
      const found = await answer.json();
      place.hidden = found.score === null;
      meter.value = found.score ?? 0;
      said.textContent = found.sentence;
      near.textContent = found.text;
    } catch {
      // the next letter tries again
    }
  }

  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 700);
  });
  if (text.value.trim()) ask();
})();
