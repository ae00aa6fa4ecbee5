// Thousands of dots a frame: their pixels are blended in memory and put on the canvas in one go,
// which without a graphics card takes a tenth of as many drawImage calls.
window.mapDots = (() => {
  "use strict";

  const MARGIN = 24; // screen pixels around the picture, so that no dot has to be cut at its edge

  /** A dot as its pixels: places from its middle, and red, green, blue, alpha of each (0 to 255). */
  function dot(colour, radius, ratio, { alpha = 1, ring = null } = {}) {
    const half = Math.ceil((radius + 2) * ratio);
    const size = 2 * half + 1;
    const made = document.createElement("canvas");
    made.width = made.height = size;
    const on = made.getContext("2d");
    on.translate(half + 0.5, half + 0.5);
    on.scale(ratio, ratio);
    on.beginPath();
    on.arc(0, 0, radius, 0, 2 * Math.PI);
    on.globalAlpha = alpha;
    on.fillStyle = colour;
    on.fill();
    if (ring) {
      on.globalAlpha = 1;
      on.lineWidth = 1.5;
      on.strokeStyle = ring;
      on.stroke();
    }
    const { data } = on.getImageData(0, 0, size, size);
    const across = [];
    const down = [];
    const colours = [];
    for (let at = 0; at < size * size; at++) {
      if (!data[4 * at + 3]) continue;
      across.push((at % size) - half);
      down.push(Math.floor(at / size) - half);
      colours.push([...data.subarray(4 * at, 4 * at + 4)]);
    }
    return { across, down, colours, byWidth: new Map() };
  }

  /** What is added to a pixel, and how much of it stays (of 256), for a picture of this width. */
  function stamp(one, width) {
    let found = one.byWidth.get(width);
    if (!found) {
      const count = one.across.length;
      found = {
        offset: new Int32Array(count),
        outer: new Uint32Array(count), // red and blue: every second byte
        inner: new Uint32Array(count), // green
        stays: new Uint16Array(count),
      };
      for (let at = 0; at < count; at++) {
        const [red, green, blue, alpha] = one.colours[at];
        const share = Math.round((alpha * 256) / 255);
        found.offset[at] = one.down[at] * width + one.across[at];
        found.outer[at] = (red | (blue << 16)) * share;
        found.inner[at] = (green << 8) * share;
        found.stays[at] = 256 - share;
      }
      one.byWidth.clear(); // of one size at a time
      one.byWidth.set(width, found);
    }
    return found;
  }

  /** A picture of the canvas's size in device pixels, filled with `paper`; `put` shows it. */
  class Picture {
    constructor(pen, width, height, ratio, paper) {
      this.pen = pen;
      this.ratio = ratio;
      this.margin = Math.ceil(MARGIN * ratio);
      this.width = width + 2 * this.margin;
      this.height = height + 2 * this.margin;
      this.image = pen.createImageData(this.width, this.height);
      this.pixels = new Uint32Array(this.image.data.buffer); // little-endian: alpha, blue, green, red
      const [red, green, blue] = paper;
      this.paper = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    }

    clear() {
      this.pixels.fill(this.paper);
    }

    /** x and y in screen pixels, within MARGIN of the canvas. */
    stamp(one, x, y) {
      const { offset, outer, inner, stays } = stamp(one, this.width);
      const { pixels } = this;
      const row = Math.round(y * this.ratio) + this.margin;
      const start = row * this.width + Math.round(x * this.ratio) + this.margin;
      for (let at = 0; at < offset.length; at++) {
        const place = start + offset[at];
        const below = pixels[place];
        const stay = stays[at];
        pixels[place] =
          0xff000000 |
          (((outer[at] + (below & 0xff00ff) * stay) >>> 8) & 0xff00ff) |
          (((inner[at] + (below & 0x00ff00) * stay) >>> 8) & 0x00ff00);
      }
    }

    put() {
      this.pen.putImageData(this.image, -this.margin, -this.margin);
    }
  }

  /** Red, green and blue (0 to 255) of anything that CSS calls a colour. */
  function rgb(colour) {
    const one = document.createElement("canvas");
    one.width = one.height = 1;
    const on = one.getContext("2d");
    on.fillStyle = colour;
    on.fillRect(0, 0, 1, 1);
    return [...on.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
  }

  return { dot, rgb, Picture };
})();
