// Marking parts of an answer: the browser's own selection in a text, by mouse, touch or keys. The text
// refuses every change by itself: in one that is read-only, browsers show no caret to select with.
// Positions count code points, as the server does; a browser counts UTF-16 units.
(() => {
  "use strict";

  for (const place of document.querySelectorAll("[data-marks]")) {
    const text = place.querySelector("[data-part]");
    const field = document.getElementById("respond").elements.namedItem(`marks-${place.dataset.marks}`);
    const said = place.querySelector("[data-said]");
    const letters = [...text.value];
    const points = (units) => [...text.value.slice(0, units)].length;
    let marks = [];
    try {
      marks = JSON.parse(field.value || "[]");
    } catch {
      marks = [];
    }

    text.addEventListener("beforeinput", (event) => event.preventDefault());

    function show() {
      const rows = marks.map((mark, number) => {
        const row = place.querySelector("[data-row]").content.firstElementChild.cloneNode(true);
        const part = letters.slice(mark[0], mark[1]).join("");
        row.querySelector("q").textContent = part.length > 80 ? `${part.slice(0, 79)}…` : part;
        row.querySelector(".badge").textContent = mark[2];
        const button = row.querySelector("button");
        button.setAttribute("aria-label", `${button.textContent}: ${mark[2]}, ${part.slice(0, 40)}`);
        button.addEventListener("click", () => {
          marks.splice(number, 1);
          changed();
          text.focus();
        });
        return row;
      });
      place.querySelector("[data-marked]").replaceChildren(...rows);
    }

    function changed() {
      field.value = marks.length ? JSON.stringify(marks) : "";
      show();
      field.form.dispatchEvent(new Event("input", { bubbles: true }));
    }

    for (const button of place.querySelectorAll("[data-label]"))
      button.addEventListener("click", () => {
        let [start, end] = [points(text.selectionStart), points(text.selectionEnd)];
        while (start < end && !letters[start].trim()) start += 1;
        while (end > start && !letters[end - 1].trim()) end -= 1;
        said.textContent = start < end ? "" : place.querySelector("[data-none]").content.textContent;
        if (start === end) return text.focus();
        marks.push([start, end, button.dataset.label]);
        changed();
      });
    show();
  }
})();
