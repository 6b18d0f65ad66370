// What the explorables share: inputs, numbers, plots, and their place in the page.
// Plain scripts without a build, so that they also run from a folder. A number is shown short
// and kept whole: <data data-name="y_hat" value="0.7310585786300049">0.7311</data>.
const explore = (() => {
  const COLORS = { // hwlib.plotting.COLORS
    blue: "#0072b2", orange: "#bf4f00", green: "#007a5a", black: "#1a1a1a", gray: "#6b6b6b",
  };
  const MACHINE_EPSILON = 2 ** -52; // hwlib.gradcheck.MACHINE_EPSILON

  function short(value) {
    if (!Number.isFinite(value)) return "none";
    const [size, whole] = [Math.abs(value), String(value + 0)];
    const small = size >= 1e5 || size < 1e-3 ? value.toExponential(1) : value.toFixed(4);
    return (whole.length <= 6 ? whole : small).replaceAll("-", "−").replace("e+", "e");
  }

  const number = (name) => `<data data-name="${name}"></data>`;

  const fact = (label, name) => `<span class="fact"><small>${label}</small>${number(name)}</span>`;

  const button = (name, words) =>
    `<button type="button" class="press" data-name="${name}">${words}</button>`;

  const slider = (name, symbol, words, [min, max, step, value]) =>
    `<label class="slider"><span>${symbol}</span>
      <input type="range" data-name="${name}" aria-label="${words}"
        min="${min}" max="${max}" step="${step}" value="${value}">${number(name)}</label>`;

  // Radio buttons, the first one chosen.
  const choice = (name, legend, options) =>
    `<fieldset><legend>${legend}</legend>${options.map(([value, words], k) =>
      `<label><input type="radio" name="explore-${name}" data-name="${name}" value="${value}"
        ${k ? "" : "checked"}>${words}</label>`).join("")}</fieldset>`;

  const attributes = (all) => Object.entries(all).map(([k, v]) => `${k}="${v}"`).join(" ");

  const SHAPES = {
    disc: "M-4.5,0a4.5,4.5 0 1 0 9,0a4.5,4.5 0 1 0 -9,0", square: "M-3.5,-3.5h7v7h-7z",
    triangle: "M0,-4.5L4.5,4h-9z", cross: "M-4,-4L4,4M-4,4L4,-4",
    ring: "M-10,0a10,10 0 1 0 20,0a10,10 0 1 0 -20,0",
  };

  // Draw axes, and on them what draw({ line, mark, text }) asks for in their units. A plot is
  // drawn anew for each width, so that its text keeps its size. Ticks are [value, text].
  function plot(holder, { label, height, x, y, xticks, yticks, xlabel, ylabel }, draw) {
    const [left, right, top, bottom] = [46, 14, 26, 44];
    const [width, depth] = [holder.clientWidth - left - right, height - top - bottom];
    const X = (v) => ((v - x[0]) / (x[1] - x[0])) * width;
    const Y = (v) => depth - ((v - y[0]) / (y[1] - y[0])) * depth;
    const [frame, inner] = [[], []];
    const write = (list, at, words, style) =>
      list.push(`<text x="${at[0]}" y="${at[1]}" ${attributes(style)}>${words}</text>`);
    const path = (d, style) => inner.push(`<path d="${d}" ${attributes(style)}/>`);
    for (const [v, words] of xticks) {
      path(`M${X(v)},0V${depth}`, { class: "grid" });
      const style = { "text-anchor": "middle", "data-value": v };
      write(frame, [left + X(v), top + depth + 17], words, style);
    }
    for (const [v, words] of yticks) {
      path(`M0,${Y(v)}H${width}`, { class: "grid" });
      write(frame, [left - 6, top + Y(v) + 4], words, { "text-anchor": "end", "data-value": v });
    }
    write(frame, [left + width / 2, height - 6], xlabel, { "text-anchor": "middle" });
    write(frame, [0, 14], ylabel, {});
    draw({
      line(points, color, style) {
        const d = points.map(([a, b]) => `${X(a).toFixed(1)},${Y(b).toFixed(1)}`).join("L");
        path(`M${d}`, { fill: "none", stroke: COLORS[color], "stroke-width": 2, ...style });
      },
      mark(a, b, shape, color, style) {
        const transform = `translate(${X(a).toFixed(1)} ${Y(b).toFixed(1)})`;
        path(SHAPES[shape], { transform, fill: COLORS[color], ...style });
      },
      text: (a, b, words, color, style) =>
        write(inner, [X(a), Y(b)], words, { fill: COLORS[color], ...style }),
    });
    holder.innerHTML = `<svg role="img" aria-label="${label}" width="100%" height="${height}">
      <svg x="${left}" y="${top}" width="${width}" height="${depth}">${inner.join("")}</svg>
      ${frame.join("")}</svg>`;
  }

  // Put a widget in the place of its figure's image. build(root, tools) fills the root and
  // returns what is to be done when an input or the width has changed.
  function register(name, build) {
    const figure = document.getElementById(`fig-explore-${name}`);
    if (!figure) return;
    figure.querySelector("figcaption").insertAdjacentHTML("beforebegin",
      `<div class="explorable" data-name="${name}"></div>`);
    const root = figure.querySelector(".explorable");
    let timer = 0;
    const update = build(root, {
      // The inputs by their names, as numbers where they are numbers.
      values() {
        const used = [...root.querySelectorAll("input:not([type=radio]), input:checked")];
        const read = ({ value }) => (Number.isNaN(+value) ? value : +value);
        return Object.fromEntries(used.map((input) => [input.dataset.name, read(input)]));
      },
      show(numbers) {
        for (const [key, value] of Object.entries(numbers)) {
          for (const data of root.querySelectorAll(`data[data-name="${key}"]`)) {
            [data.value, data.textContent] = [value, short(value)];
          }
        }
      },
      // What has changed, in words, and for screen readers: once the reader's hand rests.
      say(sentence) {
        const write = () => { root.querySelector("[role=status]").innerHTML = sentence; };
        if (timer) clearTimeout(timer);
        else write();
        timer = setTimeout(write, 300);
      },
    });
    figure.classList.add("explored");
    let width = root.clientWidth;
    update();
    root.addEventListener("input", update);
    new ResizeObserver(() => requestAnimationFrame(() => {
      if (width !== root.clientWidth) update();
      width = root.clientWidth;
    })).observe(root);
  }

  return { MACHINE_EPSILON, short, number, fact, button, slider, choice, plot, register };
})();
