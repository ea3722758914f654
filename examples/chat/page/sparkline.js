// A line of the last values, drawn small.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 100;
const HEIGHT = 28;

export class Sparkline {
  #values = [];
  #line;
  #area;

  /** @param {SVGElement} svg @param {{ size?: number, floor?: number }} [options] `floor` is the least height of the scale */
  constructor(svg, { size = 60, floor = 1 } = {}) {
    this.size = size;
    this.floor = floor;
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    [this.#area, this.#line] = ["polygon", "polyline"].map((tag) => svg.appendChild(document.createElementNS(SVG, tag)));
  }

  /** @param {number} value */
  add(value) {
    this.#values.push(value);
    if (this.#values.length > this.size) this.#values.shift();
    const top = Math.max(this.floor, ...this.#values) * 1.1;
    const x = (index) => (index + this.size - this.#values.length) * WIDTH / (this.size - 1);
    const points = this.#values.map((it, index) => `${x(index).toFixed(1)},${(HEIGHT - 1 - it / top * (HEIGHT - 3)).toFixed(1)}`);
    this.#line.setAttribute("points", points.join(" "));
    this.#area.setAttribute("points", [`${x(0)},${HEIGHT}`, ...points, `${WIDTH},${HEIGHT}`].join(" "));
  }

  clear() {
    this.#values = [];
    this.#line.setAttribute("points", "");
    this.#area.setAttribute("points", "");
  }
}
