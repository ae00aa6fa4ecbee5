// What a rewriting changed, word by word: taken out and put in, kept up to date while one types.
(() => {
  "use strict";

  const place = document.querySelector("[data-difference]");
  const text = document.getElementById("text");
  if (!place || !text) return;
  const words = (given) => given.match(/\s+|[^\s]+/g) || [];
  const before = words(document.querySelector("[data-start]").content.textContent);
  const MOST = 4000000; // cells of the table; above it the middle is shown as replaced in one piece

  // [kind, words] from the longest common subsequence, the equal beginning and end left aside.
  function difference(one, other) {
    let head = 0;
    while (head < one.length && head < other.length && one[head] === other[head]) head += 1;
    let tail = 0;
    while (tail < one.length - head && tail < other.length - head && one.at(-1 - tail) === other.at(-1 - tail)) tail += 1;
    const [a, b] = [one.slice(head, one.length - tail), other.slice(head, other.length - tail)];
    const found = [["", one.slice(0, head)]];
    if (a.length * b.length > MOST) found.push(["del", a], ["ins", b]);
    else {
      const width = b.length + 1;
      const best = new Uint16Array((a.length + 1) * width);
      for (let i = a.length - 1; i >= 0; i -= 1)
        for (let j = b.length - 1; j >= 0; j -= 1)
          best[i * width + j] = a[i] === b[j] ? best[(i + 1) * width + j + 1] + 1 : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
      let [i, j] = [0, 0];
      while (i < a.length || j < b.length) {
        if (i < a.length && j < b.length && a[i] === b[j]) found.push(["", [a[i++]]]), (j += 1);
        else if (j === b.length || (i < a.length && best[(i + 1) * width + j] >= best[i * width + j + 1])) found.push(["del", [a[i++]]]);
        else found.push(["ins", [b[j++]]]);
      }
    }
    found.push(["", one.slice(one.length - tail)]);
    return found;
  }

  function show() {
    const now = words(text.value);
    const parts = difference(before, now).filter(([, some]) => some.length);
    if (parts.every(([kind]) => !kind)) return (place.textContent = place.dataset.unchanged);
    const joined = [];
    for (const [kind, some] of parts)
      if (joined.length && joined.at(-1)[0] === kind) joined.at(-1)[1] += some.join("");
      else joined.push([kind, some.join("")]);
    place.replaceChildren(
      ...joined.map(([kind, said]) => {
        if (!kind) return said;
        const part = document.createElement(kind);
        part.textContent = said;
        return part;
      }),
    );
  }

  let timer;
  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 200);
  });
  show();
})();
