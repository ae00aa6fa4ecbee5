// The map of prompts: points on a canvas that can be moved, zoomed, pointed at and lassoed.
(() => {
  "use strict";

  const frame = document.getElementById("map");
  const canvas = document.getElementById("map-canvas");
  const hover = document.getElementById("map-hover");
  const selection = document.getElementById("map-selection");
  if (!frame || !canvas) return;
  const pen = canvas.getContext("2d");
  const SERIES = 6;
  const CELL = 48; // screen pixels of the grid in which the point under the pointer is looked for

  let points = null; // {x, y, counts, sets}
  let kinds = []; // the set of each point, or `sets` where it is in several
  let order = []; // numbers of points in the order of drawing
  let picked = new Set();
  let shown = new Set(); // kinds that the legend shows
  let view = { scale: 1, x: 0, y: 0 }; // screen = point * scale + (x, y)
  let mode = "pan";
  let lasso = null;
  let grid = null;
  let dots = []; // by kind: as it is, as one of the picked, and stepped back from those
  let picture = null; // what the points are drawn into, of the canvas's size and the theme's paper
  let drawing = false;
  let atHome = true; // nobody has moved the map: it fills its place, whatever size that gets
  const texts = new Map();

  // ---- colours: those of the design

  function colours() {
    const probe = document.createElement("span");
    document.body.append(probe);
    const read = (name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    };
    const found = { ink: read("--ink"), accent: read("--accent"), paper: read("--paper"), of: [] };
    for (let at = 0; at < points.sets.length; at++)
      found.of.push(read(`--series-${(at % SERIES) + 1}`));
    found.of.push(found.ink); // in several
    probe.remove();
    return found;
  }

  function prepare() {
    const colour = colours();
    const ratio = window.devicePixelRatio || 1;
    // A point of many prompts is larger: 1, 2 to 4, 5 to 19, 20 and more.
    const sizes = (radii, of, how) => radii.map((radius) => mapDots.dot(of, radius, ratio, how));
    dots = colour.of.map((of) => ({
      plain: sizes([2.5, 3.5, 5, 7], of, { alpha: 0.75 }),
      back: sizes([2.5, 3.5, 5, 7], of, { alpha: 0.26 }),
      picked: sizes([3.5, 4.5, 6, 8], of, { ring: colour.ink }),
    }));
    dots.lasso = colour.accent;
    dots.paper = mapDots.rgb(colour.paper);
    picture = null;
  }

  const total = (at) => points.counts[at].reduce((sum, n) => sum + n, 0);
  const weight = (n) => (n < 2 ? 0 : n < 5 ? 1 : n < 20 ? 2 : 3);

  // ---- drawing

  function draw() {
    drawing = false;
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = canvas;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
      picture = null;
    }
    picture ??= new mapDots.Picture(pen, wide, high, ratio, dots.paper);
    picture.clear();
    stampAll(width, height, false);
    if (picked.size) stampAll(width, height, true);
    picture.put();
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (lasso && lasso.length > 1) {
      pen.beginPath();
      lasso.forEach(([x, y], at) => (at ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.closePath();
      pen.globalAlpha = 0.12;
      pen.fillStyle = dots.lasso;
      pen.fill();
      pen.globalAlpha = 1;
      pen.strokeStyle = dots.lasso;
      pen.lineWidth = 1.5;
      pen.stroke();
    }
  }

  /** Those that are not picked, or those that are: they lie above the others. */
  function stampAll(width, height, again) {
    const look = again ? "picked" : picked.size ? "back" : "plain";
    const { x: xs, y: ys, weight: weights } = points;
    const { scale, x: left, y: top } = view;
    for (const at of order) {
      if (!shown.has(kinds[at]) || (picked.size && picked.has(at) !== again)) continue;
      const x = xs[at] * scale + left;
      const y = ys[at] * scale + top;
      if (x < -10 || y < -10 || x > width + 10 || y > height + 10) continue;
      picture.stamp(dots[kinds[at]][look][weights[at]], x, y);
    }
  }

  function redraw() {
    if (!drawing) {
      drawing = true;
      requestAnimationFrame(draw);
    }
  }

  function moved() {
    atHome = false;
    grid = null;
    hover.hidden = true;
    redraw();
  }

  function whole() {
    const { clientWidth: width, clientHeight: height } = canvas;
    const [left, right] = [Math.min(...points.x), Math.max(...points.x)];
    const [top, bottom] = [Math.min(...points.y), Math.max(...points.y)];
    const scale = 0.92 * Math.min(width / (right - left || 1), height / (bottom - top || 1));
    view = {
      scale,
      x: width / 2 - (scale * (left + right)) / 2,
      y: height / 2 - (scale * (top + bottom)) / 2,
    };
    moved();
    atHome = true;
  }

  function zoom(by, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const scale = Math.min(Math.max(view.scale * by, 0.05), 5000);
    const real = scale / view.scale;
    view = { scale, x: x - (x - view.x) * real, y: y - (y - view.y) * real };
    moved();
  }

  function pan(dx, dy) {
    view = { ...view, x: view.x + dx, y: view.y + dy };
    moved();
  }

  // ---- the text under the pointer

  function cells() {
    grid = new Map();
    const { clientWidth: width, clientHeight: height } = canvas;
    for (const at of order) {
      if (!shown.has(kinds[at])) continue;
      const x = points.x[at] * view.scale + view.x;
      const y = points.y[at] * view.scale + view.y;
      if (x < 0 || y < 0 || x > width || y > height) continue;
      const key = `${Math.floor(x / CELL)},${Math.floor(y / CELL)}`;
      if (!grid.has(key)) grid.set(key, []);
      grid.get(key).push(at);
    }
  }

  function nearest(x, y, within = 12) {
    if (!grid) cells();
    let best = null;
    let least = within * within;
    for (let column = -1; column <= 1; column++)
      for (let row = -1; row <= 1; row++)
        for (const at of grid.get(`${Math.floor(x / CELL) + column},${Math.floor(y / CELL) + row}`) || []) {
          const dx = points.x[at] * view.scale + view.x - x;
          const dy = points.y[at] * view.scale + view.y - y;
          if (dx * dx + dy * dy < least) {
            least = dx * dx + dy * dy;
            best = at;
          }
        }
    return best;
  }

  let asked = 0;

  async function point(x, y) {
    const at = nearest(x, y);
    const mine = ++asked;
    if (at === null) {
      hover.hidden = true;
      return;
    }
    if (!texts.has(at)) {
      await new Promise((done) => setTimeout(done, 60)); // a pointer that only passes asks nothing
      if (mine !== asked) return;
      try {
        const reply = await fetch(`${frame.dataset.texts}?points=${at}`);
        if (!reply.ok) return;
        for (const [number, text] of Object.entries(await reply.json())) texts.set(+number, text);
      } catch {
        return;
      }
      if (mine !== asked) return;
    }
    const count = total(at);
    const many = count > 1 ? `\n(${frame.dataset.prompts.replace("{}", count)})` : "";
    hover.textContent = (texts.get(at) ?? "") + many;
    hover.hidden = false;
    const wide = canvas.clientWidth;
    const left = Math.min(x + 14, wide - hover.offsetWidth - 4);
    const below = y + 18 + hover.offsetHeight < canvas.clientHeight;
    hover.style.left = `${Math.max(4, left)}px`;
    hover.style.top = `${below ? y + 18 : Math.max(4, y - 12 - hover.offsetHeight)}px`;
  }

  // ---- selecting

  function inside(path, x, y) {
    let found = false;
    for (let at = 0, before = path.length - 1; at < path.length; before = at++) {
      const [ax, ay] = path[at];
      const [bx, by] = path[before];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) found = !found;
    }
    return found;
  }

  function pick(test) {
    picked = new Set();
    for (const at of order) {
      if (!shown.has(kinds[at])) continue;
      const x = points.x[at] * view.scale + view.x;
      const y = points.y[at] * view.scale + view.y;
      if (test(x, y)) picked.add(at);
    }
    redraw();
    tell();
  }

  function ranges(numbers) {
    const sorted = [...numbers].sort((a, b) => a - b);
    const parts = [];
    for (let from = 0; from < sorted.length; ) {
      let to = from;
      while (to + 1 < sorted.length && sorted[to + 1] === sorted[to] + 1) to++;
      parts.push(from === to ? sorted[from] : `${sorted[from]}-${sorted[to]}`);
      from = to + 1;
    }
    return parts.join(",");
  }

  function tell() {
    if (!picked.size) {
      selection.replaceChildren(empty.cloneNode(true));
      return;
    }
    window.htmx.ajax("POST", frame.dataset.selection, {
      target: "#map-selection",
      values: { points: ranges(picked) },
    });
  }

  const visible = (x, y) => x >= 0 && y >= 0 && x <= canvas.clientWidth && y <= canvas.clientHeight;

  function setMode(next) {
    mode = next;
    canvas.classList.toggle("lasso", mode === "lasso");
    for (const button of frame.querySelectorAll("[data-mode]"))
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  }

  // ---- what people do

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const fingers = new Map();

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(event));
    hover.hidden = true;
    if (mode === "lasso" && fingers.size === 1) lasso = [place(event)];
    else lasso = null;
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      point(x, y);
      return;
    }
    if (fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const was = Math.hypot(before[0] - other[0], before[1] - other[1]);
      const is = Math.hypot(x - other[0], y - other[1]);
      if (was > 0) zoom(is / was, other[0], other[1]);
    } else if (lasso) {
      lasso.push([x, y]);
      redraw();
    } else {
      pan(x - before[0], y - before[1]);
    }
    fingers.set(event.pointerId, [x, y]);
  });
  const lifted = (event) => {
    if (!fingers.delete(event.pointerId) || !lasso) return;
    const path = lasso;
    lasso = null;
    if (event.type === "pointerup" && path.length > 2) pick((x, y) => inside(path, x, y));
    else redraw();
  };
  canvas.addEventListener("pointerup", lifted);
  canvas.addEventListener("pointercancel", lifted);
  canvas.addEventListener("pointerleave", () => {
    asked++;
    hover.hidden = true;
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...place(event));
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 60;
    const acts = {
      ArrowLeft: () => pan(step, 0),
      ArrowRight: () => pan(-step, 0),
      ArrowUp: () => pan(0, step),
      ArrowDown: () => pan(0, -step),
      "+": () => zoom(1.4),
      "=": () => zoom(1.4),
      "-": () => zoom(1 / 1.4),
      0: whole,
      s: () => pick(visible),
      Escape: () => {
        picked = new Set();
        redraw();
        tell();
      },
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  frame.addEventListener("click", (event) => {
    const button = event.target.closest("[data-mode], [data-zoom], [data-pick]");
    if (!button || !points) return;
    const { mode: next, zoom: by, pick: what } = button.dataset;
    if (next) setMode(next);
    if (by === "all") whole();
    else if (by) zoom(by === "in" ? 1.4 : 1 / 1.4);
    if (what === "view") pick(visible);
    if (what === "none") {
      picked = new Set();
      redraw();
      tell();
    }
  });
  frame.addEventListener("change", (event) => {
    const box = event.target.closest("[data-set]");
    if (!box || !points) return;
    const kind = box.dataset.set === "both" ? points.sets.length : Number(box.dataset.set);
    if (box.checked) shown.add(kind);
    else shown.delete(kind);
    moved();
  });

  const empty = selection.firstElementChild.cloneNode(true);

  async function start() {
    try {
      const reply = await fetch(frame.dataset.points);
      if (!reply.ok) throw new Error(reply.status);
      points = await reply.json();
    } catch {
      const said = document.createElement("p");
      said.className = "notice bad";
      said.textContent = frame.dataset.failed;
      canvas.replaceWith(said);
      return;
    }
    const sets = points.sets.length;
    kinds = points.counts.map((counts) => {
      const of = counts.flatMap((n, at) => (n ? [at] : []));
      return of.length === 1 ? of[0] : sets;
    });
    points.weight = points.x.map((_x, at) => weight(total(at)));
    // Mixed, so that no set lies above all of another: by a hash of the number, the same each time.
    order = points.x.map((_x, at) => at);
    const mixed = order.map((at) => (Math.imul(at + 1, 2654435761) >>> 0) / 2 ** 32);
    order.sort((a, b) => mixed[a] - mixed[b]);
    shown = new Set([...Array(sets + 1).keys()]);
    prepare();
    whole();
    new ResizeObserver(() => (atHome ? whole() : moved())).observe(canvas);
    const again = () => {
      prepare();
      redraw();
    };
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    new MutationObserver(again).observe(document.documentElement, {
      attributeFilter: ["data-theme"],
    });
    frame.dataset.ready = "yes";
  }

  start();
})();
