// Curves: <figure data-chart> of elements/chart.html, drawn by uPlot, kept up to date by polling.
(() => {
  "use strict";

  const colour = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

  // A custom property keeps light-dark(a, b) as text; a canvas needs the colour it stands for.
  function resolved(figure, name) {
    const probe = figure.querySelector("[data-probe]");
    probe.style.color = `var(${name})`;
    return colour(probe, "color");
  }

  // Exponential moving average, corrected for its start (as Adam's moments are); gaps stay gaps.
  function smooth(values, weight) {
    if (weight === 0) return values;
    let mean = 0;
    let total = 0;
    return values.map((value) => {
      if (value === null || !Number.isFinite(value)) return null;
      mean = weight * mean + (1 - weight) * value;
      total = weight * total + (1 - weight);
      return mean / total;
    });
  }

  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 5 });

  /** Labels of an axis; uPlot's own have three decimals, and call a loss of 0.0001 "-0". */
  function ticks(_, values) {
    const largest = Math.max(...values.map((value) => Math.abs(value ?? 0)));
    return values.map((value) => {
      if (value === null) return "";
      const size = Math.abs(value);
      if (size <= largest * 1e-9) return "0"; // a split beside it, by a rounding
      return size < 1e-3 || size >= 1e6 ? Number(value.toPrecision(4)).toExponential().replace("e+", "e") : number.format(value);
    });
  }

  function make(figure) {
    const place = figure.querySelector(".chart-canvas");
    const content = JSON.parse(figure.querySelector("[data-points]").textContent);
    const logBox = figure.querySelector("[data-log]");
    const smoothing = figure.querySelector("[data-smooth]");
    const whole = figure.querySelector("[data-unzoom]");
    const probe = document.createElement("span");
    probe.dataset.probe = "";
    probe.hidden = true;
    figure.append(probe);
    let plot = null;
    // A zoom outlives a reload of its page, and the replacing of all charts when a figure is new.
    const kept = `zoom ${location.pathname} ${figure.id}`;
    const zoomKept = () => {
      try {
        return JSON.parse(sessionStorage.getItem(kept));
      } catch {
        return null; // storage is switched off, or holds something of somebody else
      }
    };
    const keepZoom = (range) => {
      try {
        if (range) sessionStorage.setItem(kept, JSON.stringify(range));
        else sessionStorage.removeItem(kept);
      } catch {
        // it is only forgotten then
      }
    };

    const data = () => {
      const weight = Number(smoothing.value);
      const positive = (values) => (logBox.checked ? values.map((v) => (v > 0 ? v : null)) : values);
      return [content.x.values, ...content.series.map((s) => positive(smooth(s.values, weight)))];
    };

    function draw() {
      const muted = resolved(figure, "--muted");
      const line = resolved(figure, "--line");
      const zoomed = plot && !whole.hidden ? { min: plot.scales.x.min, max: plot.scales.x.max } : plot ? null : zoomKept();
      plot?.destroy();
      const axis = {
        stroke: muted,
        font: `12px ${getComputedStyle(document.body).fontFamily}`,
        grid: { stroke: line, width: 1 },
        ticks: { stroke: line, width: 1, size: 4 },
      };
      plot = new uPlot(
        {
          width: place.clientWidth || 300,
          height: Math.max(180, Math.min(320, Math.round((place.clientWidth || 300) * 0.45))),
          scales: { x: { time: false }, y: { distr: logBox.checked ? 3 : 1 } },
          axes: [{ ...axis, label: content.x.label, labelSize: 18, labelFont: axis.font, size: 34, values: ticks }, { ...axis, size: 56, values: ticks }],
          cursor: { points: { size: 6 }, drag: { x: true, y: false, setScale: true } },
          legend: { live: true },
          series: [
            { label: content.x.label, value: (_, v) => (v === null ? "–" : number.format(v)) },
            ...content.series.map((series, index) => ({
              label: series.label,
              stroke: resolved(figure, `--series-${(index % 6) + 1}`),
              // Colour is never alone: every second line is dashed.
              dash: index % 2 ? [6, 3] : [],
              width: 1.5,
              points: { show: series.values.length < 2 },
              value: (_, v) => (v === null ? "–" : number.format(v)),
            })),
          ],
          hooks: {
            setScale: [
              (u, key) => {
                const xs = content.x.values;
                if (key !== "x" || !xs.length) return;
                whole.hidden = u.scales.x.min <= xs[0] && u.scales.x.max >= xs[xs.length - 1];
                if (!whole.hidden) keepZoom({ min: u.scales.x.min, max: u.scales.x.max });
              },
            ],
          },
        },
        data(),
        place,
      );
      if (zoomed) plot.setScale("x", zoomed);
    }

    function update() {
      const zoomed = !whole.hidden;
      plot.setData(data(), !zoomed);
      if (zoomed) plot.redraw();
    }

    function table() {
      const rows = figure.querySelector(".chart-table tbody");
      const step = Math.ceil(content.x.values.length / 200);
      rows.replaceChildren(
        ...content.x.values.flatMap((x, at) => {
          if (at % step && at !== content.x.values.length - 1) return [];
          const row = document.createElement("tr");
          for (const value of [x, ...content.series.map((s) => s.values[at])]) {
            const cell = document.createElement("td");
            cell.className = "number";
            cell.textContent = value === null || value === undefined ? "–" : number.format(value);
            row.append(cell);
          }
          return [row];
        }),
      );
    }

    // A reply has the chart's own shape; a series that is new begins with gaps.
    function append(more) {
      const had = content.x.values.length;
      content.x.values.push(...more.x.values);
      for (const series of more.series)
        if (!content.series.some((known) => known.label === series.label))
          content.series.push({ ...series, values: Array(had).fill(null) });
      for (const known of content.series) {
        const added = more.series.find((series) => series.label === known.label);
        known.values.push(...(added ? added.values : Array(more.x.values.length).fill(null)));
      }
      return more.series.length !== plot.series.length - 1;
    }

    async function poll() {
      let pause = Number(figure.dataset.every || 2000);
      // What nobody sees, in a folded group or on a page behind others, costs the server nothing.
      if (!document.hidden && figure.checkVisibility()) {
        try {
          const last = content.x.values[content.x.values.length - 1];
          const url = new URL(figure.dataset.url, location.href);
          if (last !== undefined) url.searchParams.set("after", last);
          const answer = await fetch(url, { headers: { Accept: "application/json" } });
          if (answer.ok) {
            const more = await answer.json();
            if (more.x.values.length) {
              if (append(more)) draw();
              else update();
              if (figure.querySelector("details").open) table();
            }
            if (answer.status === 286) return;
          } else pause *= 5;
        } catch {
          pause *= 5; // the server is away: ask more rarely, for as long as the page is open
        }
      }
      if (figure.isConnected) setTimeout(poll, pause);
    }

    draw();
    logBox.addEventListener("change", draw);
    smoothing.addEventListener("input", update);
    whole.addEventListener("click", () => {
      whole.hidden = true;
      keepZoom(null);
      plot.setData(data(), true);
    });
    figure.querySelector("details").addEventListener("toggle", table);
    document.addEventListener("rondo:theme", draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    new ResizeObserver(() => {
      if (place.clientWidth && place.clientWidth !== plot.width) draw();
    }).observe(place);
    if (figure.dataset.url) setTimeout(poll, Number(figure.dataset.every || 2000));
  }

  const start = (root) => root.querySelectorAll("figure[data-chart]:not([data-drawn])").forEach((figure) => {
    figure.dataset.drawn = "";
    make(figure);
  });
  start(document);
  document.body.addEventListener("htmx:load", (event) => start(event.detail.elt.parentElement || document));
})();
