// The step of a finite difference for f(x) = x^6 at 1.1, as hwlib.gradcheck.numerical_grad
// takes it: products only, and the step as it was rounded. The comments name the equations.
explore.register("step", (root, { part, values, show, say }) => {
  const x = 1.1;
  const f = (v) => v * v * v * v * v * v;
  const exact = 6 * x * x * x * x * x;
  const [second, third] = [30 * x ** 4, 120 * x ** 3]; // f'' and f'''
  const eta = explore.MACHINE_EPSILON;
  const noise = (step) => (eta / step) * f(x); // eq-noise-floor

  function imaginary(step) { // of f(x + I step), one complex product after the other
    let [re, im] = [x, step];
    for (let n = 1; n < 6; n += 1) [re, im] = [re * x - im * step, re * step + im * x];
    return im;
  }
  const quotient = (right, left) => (f(right) - f(left)) / (right - left); // NaN where equal

  // Each method: its look (with the ends of its secant, in steps from x, and the place of its
  // name), its estimate, and the two parts of its error.
  const METHODS = {
    forward: {
      color: "purple", shape: "disc", ends: [0, 1], at: [-6.5, -4.4],
      estimate: (step) => quotient(x + step, x), // eq-forward-difference
      truncation: (step) => (step / 2) * second,
      rounding: (step) => 2 * noise(step),
    },
    central: {
      color: "blue", shape: "square", ends: [-1, 1], at: [-7.2, -11.9],
      estimate: (step) => quotient(x + step, x - step), // eq-central-difference
      truncation: (step) => (step ** 2 / 6) * third, // eq-central-error
      rounding: noise,
    },
    complex: {
      color: "green", shape: "triangle", ends: [], at: [-11, -14],
      estimate: (step) => imaginary(step) / step, // eq-complex-step
      truncation: (step) => (step ** 2 / 6) * third,
      rounding: () => 0, // nothing is subtracted
    },
  };
  const relative_error = (value) => // eq-relative-error
    Math.abs(exact - value) / Math.max(Math.abs(exact), Math.abs(value));
  const LEAST = 4 * eta; // the smallest error in the plot: estimates are rounded themselves

  root.innerHTML = `<div class="inputs">
      ${explore.choice("method", "method",
        [["central", "central"], ["forward", "forward"], ["complex", "complex"]])}
      ${explore.slider("exponent", "step ε", { min: -16, max: 0, step: 0.1, value: -0.5 }, "step")}
      ${explore.button("defaults", "Reset")}</div>
    <div class="pair"><div data-name="secant"></div><div data-name="errors"></div></div>
    <div class="facts">${explore.fact("estimate", "estimate")}${explore.fact("exact", "exact")}
      ${explore.fact("relative error", "error")}${explore.fact("truncation ≈", "truncation")}
      ${explore.fact("rounding ≈", "rounding")}</div>
    <p role="status"></p>`;

  // The curve as it is computed, from x - 1.3 steps to x + 1.3 steps: its rounding shows.
  function drawSecant(step, { color, ends }) {
    const rise = (t) => (f(x + t * step) - f(x)) / (step * exact);
    const curve = Array.from({ length: 157 }, (_, n) => [(n - 78) / 60, rise((n - 78) / 60)]);
    const points = ends.map((t) => [(x + t * step - x) / step, rise(t)]);
    const heights = [-1.4, 1.4, ...curve.map(([, height]) => height)];
    explore.plot(part("secant"), {
      label: "The curve of f from x − ε to x + ε, its tangent and its secant",
      x: [-1.4, 1.4], xticks: [[-1, "x − ε"], [0, "x"], [1, "x + ε"]], xlabel: "zoomed to the step",
      y: [Math.min(...heights), Math.max(...heights)], yticks: [[0, "f(x)"]], ylabel: "value of f",
    }, ({ line, mark, text }) => {
      line([[-1.3, -1.3], [1.3, 1.3]], "orange", { "stroke-dasharray": "2 4" });
      line(curve, "black");
      text(0.4, 0.4, "tangent", "orange", { dy: 24 });
      if (!ends.length) return;
      line(points, color, { "stroke-width": 3, "stroke-dasharray": "8 4" });
      for (const [t, height] of points) mark(t, height, "disc", color);
      const middle = [0, 1].map((n) => (points[0][n] + points[1][n]) / 2);
      text(...middle, "secant", color, { "text-anchor": "end", dx: -8, dy: -10 });
    });
  }

  function drawErrors(step, method) {
    const { truncation, rounding, estimate } = METHODS[method];
    const ticks = (...all) => all.map((n) => [n, n ? `1e−${-n}` : "1"]);
    const others = Object.keys(METHODS).filter((name) => name !== method);
    explore.plot(part("errors"), {
      label: "The relative error of the three methods over the step, and the step that is chosen",
      x: [-16.4, 0.4], xticks: ticks(-16, -12, -8, -4, 0), xlabel: "step ε",
      y: [-16, 1.5], yticks: ticks(-15, -10, -5, 0), ylabel: "relative error",
    }, ({ line, mark, text }) => {
      const causes = [truncation, rounding].filter((cause) => cause(1));
      for (const cause of causes) {
        const ends = [-17, 1].map((n) => [n, Math.log10(cause(10 ** n) / exact)]);
        line(ends, "black", { "stroke-width": 1 });
      }
      const point = (n, of, ...look) => {
        const error = relative_error(of(10 ** n));
        if (error >= 0) mark(n, Math.log10(Math.max(error, LEAST)), ...look);
      };
      for (const name of [...others, method]) {
        const { color, shape, estimate: of, at } = METHODS[name];
        for (let n = -15.5; n <= 0; n += 0.5) {
          const fill = name === method ? color : "ground"; // the others are hollow
          point(n, of, shape, color, { fill: explore.ink(fill), stroke: explore.ink(color) });
        }
        text(...at, name, color, { "text-anchor": "end" });
      }
      const now = Math.log10(step);
      line([[now, -17], [now, 2]], "gray", { "stroke-width": 1, "stroke-dasharray": "3 3" });
      point(now, estimate, "ring", "black", { "fill-opacity": 0, stroke: explore.ink("black") });
      const place = method === "forward" ? [-3.2, -1.2] : [0.3, -10.6];
      text(...place, "truncation", "black", { "text-anchor": "end" });
      if (causes.length > 1) text(-13.4, -1, "rounding", "black");
    });
  }

  function sentence({ step, estimate, truncation, rounding }) {
    if (Number.isNaN(estimate)) return "x + ε is rounded to x: nothing is left to divide.";
    if (!rounding) return "Nothing is subtracted, so no digits are lost. There is no secant.";
    const zoom = step < 1e-13 ? " At this zoom the rounding of f shows as stairs."
      : step < 1e-2 ? " At this zoom curve, secant and tangent are one line." : "";
    return truncation > rounding
      ? `Truncation dominates: the bend of the curve changes within the step.${zoom} Try a smaller step.`
      : `Rounding dominates: the two values share most of their digits.${zoom} Try a larger step.`;
  }

  return () => {
    const { method, exponent } = values();
    const step = 10 ** exponent;
    const estimate = METHODS[method].estimate(step);
    const [truncation, rounding] = [METHODS[method].truncation(step) / exact,
      METHODS[method].rounding(step) / exact];
    const shown = { step, estimate, exact, error: relative_error(estimate), truncation, rounding };
    show(shown);
    part("exponent").setAttribute("aria-valuetext", explore.short(step));
    drawSecant(step, METHODS[method]);
    drawErrors(step, method);
    say(sentence(shown));
  };
});
