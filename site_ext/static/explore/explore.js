// What the explorables share: inputs, numbers, plots, and their place in the page.
// Plain scripts without a build, so that they also run from a folder. A number is shown short
// and kept whole: <data data-name="y_hat" value="0.7310585786300049">0.7311</data>.
const explore = (() => {
  const ink = (color) => `var(--ink-${color})`; // of book.css, for either theme
  const MACHINE_EPSILON = 2 ** -52; // hwlib.gradcheck.MACHINE_EPSILON

  function short(value) {
    if (!Number.isFinite(value)) return "none";
    const [size, whole] = [Math.abs(value), String(value + 0)];
    const cut = size >= 1e5 || size < 1e-3 ? value.toExponential(1) : value.toFixed(4);
    return (whole.length <= 6 ? whole : cut).replaceAll("-", "−").replace("e+", "e");
  }
  const number = (name) => `<data data-name="${name}"></data>`;
  const fact = (label, name) => `<span class="fact"><small>${label}</small>${number(name)}</span>`;
  const button = (name, words) =>
    `<button type="button" class="press" data-name="${name}">${words}</button>`;
  const slider = (name, symbol, { min, max, step, value }, shown = name) =>
    `<label class="slider"><span>${symbol}</span><input type="range" aria-label="${symbol}"
      data-name="${name}" min="${min}" max="${max}" step="${step}" value="${value}">
      ${number(shown)}</label>`;
  const choice = (name, legend, options) => // radio buttons, the first one chosen
    `<fieldset><legend>${legend}</legend>${options.map(([value, words], k) =>
      `<label><input type="radio" name="explore-${name}" data-name="${name}" value="${value}"
        ${k ? "" : "checked"}>${words}</label>`).join("")}</fieldset>`;

  const SHAPES = {
    disc: "M-4.5,0a4.5,4.5 0 1 0 9,0a4.5,4.5 0 1 0 -9,0", square: "M-3.5,-3.5h7v7h-7z",
    triangle: "M0,-4.5L4.5,4h-9z", cross: "M-4,-4L4,4M-4,4L4,-4",
    ring: "M-10,0a10,10 0 1 0 20,0a10,10 0 1 0 -20,0",
  };
  const attributes = (all) => Object.entries(all).map(([k, v]) => `${k}="${v}"`).join(" ");

  // Draw axes, and on them what draw({ line, mark, text }) asks for in their units. A plot is
  // drawn anew for each width, so that its text keeps its size. Ticks are [value, text].
  function plot(holder, { label, x, y, xticks, yticks, xlabel, ylabel }, draw) {
    const narrow = holder.closest(".explorable").clientWidth < 500;
    const [left, top, width, height] =
      [46, 22, Math.max(holder.clientWidth - 60, 99), narrow ? 100 : 190];
    const X = (v) => (((v - x[0]) / (x[1] - x[0])) * width).toFixed(1);
    const Y = (v) => (((y[1] - v) / (y[1] - y[0])) * height).toFixed(1);
    const [frame, inner] = [[], []];
    const path = (d, style) => inner.push(`<path d="${d}" ${attributes(style)}/>`);
    const write = (list, words, style) =>
      list.push(`<text ${attributes(style)}>${words}</text>`);
    for (const [v, words] of xticks) {
      path(`M${X(v)},0V${height}`, { class: "grid" });
      const place = { x: left + +X(v), y: top + height + 17, "text-anchor": "middle" };
      write(frame, words, { ...place, "data-value": v });
    }
    for (const [v, words] of yticks) {
      path(`M0,${Y(v)}H${width}`, { class: "grid" });
      const place = { x: left - 6, y: top + 4 + +Y(v), "text-anchor": "end" };
      write(frame, words, { ...place, "data-value": v });
    }
    write(frame, xlabel, { x: left + width / 2, y: top + height + 36, "text-anchor": "middle" });
    write(frame, ylabel, { x: 0, y: 12 });
    draw({
      line: (points, color, style) =>
        path(`M${points.map(([a, b]) => `${X(a)},${Y(b)}`).join("L")}`,
          { fill: "none", stroke: ink(color), "stroke-width": 2, ...style }),
      mark: (a, b, shape, color, style) => path(SHAPES[shape],
        { transform: `translate(${X(a)} ${Y(b)})`, fill: ink(color), ...style }),
      text: (a, b, words, color, style) =>
        write(inner, words, { x: X(a), y: Y(b), fill: ink(color), ...style }),
    });
    holder.innerHTML = `<svg role="img" aria-label="${label}" width="100%" height="${top + height + 42}">
      <svg x="${left}" y="${top}" width="${width}" height="${height}">${inner.join("")}</svg>
      ${frame.join("")}</svg>`;
  }

  // Put a widget in the place of its figure's image. build(root, tools) fills the root and
  // returns what is to be done when an input or the size has changed.
  function register(name, build) {
    const figure = document.getElementById(`fig-explore-${name}`);
    if (!figure) return;
    figure.querySelector("figcaption").insertAdjacentHTML("beforebegin",
      `<div class="explorable" data-name="${name}"></div>`);
    const root = figure.querySelector(".explorable");
    let [said, timer] = ["", 0];
    const update = build(root, {
      part: (wanted) => root.querySelector(`[data-name="${wanted}"]`),
      values() { // of the inputs, as numbers where they are numbers
        const used = [...root.querySelectorAll("input:not([type=radio]), input:checked")];
        const read = ({ value }) => (Number.isNaN(+value) ? value : +value);
        return Object.fromEntries(used.map((input) => [input.dataset.name, read(input)]));
      },
      show(numbers) {
        for (const [key, value] of Object.entries(numbers)) {
          for (const data of root.querySelectorAll(`data[data-name="${key}"]`)) {
            [data.value, data.textContent] = [Number(value), short(value)]; // NaN where none
          }
        }
      },
      // For screen readers too, so only once the reader's hand rests; what plays is not read out.
      say(sentence, playing = false) {
        const status = root.querySelector("[role=status]");
        const write = () => { status.innerHTML = sentence; };
        status.ariaLive = playing ? "off" : "polite";
        if (sentence === said) return;
        clearTimeout(timer);
        if (playing || !said) write();
        else timer = setTimeout(write, 500);
        said = sentence;
      },
    });
    figure.classList.add("explored");
    update();
    root.addEventListener("input", update);
    root.addEventListener("click", ({ target }) => { // everything as it was
      if (!target.matches("[data-name=defaults]")) return;
      for (const input of root.querySelectorAll("input")) {
        [input.value, input.checked] = [input.defaultValue, input.defaultChecked];
      }
      root.dispatchEvent(new Event("input"));
    });
    new ResizeObserver(() => requestAnimationFrame(update)).observe(root);
  }

  return { MACHINE_EPSILON, ink, short, number, fact, button, slider, choice, plot, register };
})();
