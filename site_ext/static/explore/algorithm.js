// Question 1.3 step by step: the algorithm as the source sheet prints it, its index returned to
// the start after each epoch, and the corrected one. The comments name the book's equations.
explore.register("algorithm", (root, { part, values, show, say }) => {
  const { short, fact, button, number } = explore;
  // data.interval(np.random.default_rng(4), 12), the inputs rounded to two decimals
  const u = [1.06, 0.03, 1.14, -1.01, 0.26, -0.3, 0.72, -0.78, 0.89, 0.11, 0.97, -0.05];
  const y = [1, -1, 1, 1, -1, -1, 1, 1, 1, -1, 1, -1];
  // The random start is np.random.default_rng(1).normal(size=7), rounded to two decimals
  const STARTS = { zero: Array(7).fill(0), random: [0.35, 0.82, 0.33, -1.3, 0.91, 0.45, -0.54] };
  const NONLINEAR = [1, 1, 1, 1, 1, 0, 1]; // eq-mask
  const ALGORITHMS = {
    corrected: { color: "blue", mask: NONLINEAR, steps: (margin) => margin < 1 }, // eq-sgd-hinge
    printed: { color: "black", mask: Array(7).fill(1), steps: (margin) => margin >= 1 },
  };

  function features(v) { // eq-features
    const powers = [1];
    while (powers.length < 7) powers.unshift(powers[0] * v);
    return powers;
  }
  const X = u.map(features);
  const hypothesis = (theta, x, mask) => // eq-hypothesis
    x.reduce((sum, x_j, j) => sum + mask[j] * x_j * theta[j], 0);
  const loss = (theta) => // eq-hinge-loss
    X.reduce((sum, x, i) => sum + Math.max(1 - y[i] * hypothesis(theta, x, NONLINEAR), 0), 0);

  function visit(before, i, { algorithm, alpha }) {
    const { mask, steps } = ALGORITHMS[algorithm];
    const margin = y[i] * hypothesis(before, X[i], mask); // eq-margin
    const stepped = steps(margin);
    const delta = X[i].map((x_j, j) => (stepped ? -alpha * (-y[i] * mask[j] * x_j) : 0));
    const theta = before.map((theta_j, j) => theta_j + delta[j]); // eq-sgd-update
    return { i, margin, stepped, delta, before, theta, loss: loss(theta) };
  }

  root.innerHTML = `<div class="inputs">
      ${explore.choice("algorithm", "algorithm",
        [["corrected", "corrected"], ["printed", "printed"]])}
      ${explore.choice("start", "start", [["zero", "θ = 0"], ["random", "random θ"]])}
      ${explore.slider("alpha", "step size α", { min: 0.05, max: 1, step: 0.05, value: 0.5 })}
    </div>
    <div class="inputs">${button("play", "Play")}${button("step", "Step")}${button("back", "Back")}
      ${button("epoch", "Epoch")}${button("reset", "Reset")}</div>
    <div class="pair"><div data-name="curve"></div><div data-name="losses"></div></div>
    <div class="facts">${fact("visits", "k")}${fact("epoch", "epoch")}
        ${fact("sample", "sample")}${fact("input u", "u")}${fact("label y", "y")}
        ${fact("margin", "margin")}
        <span class="fact"><small>branch</small><b data-name="branch"></b></span>
        ${fact("loss ℓ", "loss")}</div>
    <div class="facts"><span class="fact"><small>term of h</small>weight<small>update</small></span>
      ${["θ₀ u⁶", "θ₁ u⁵", "θ₂ u⁴", "θ₃ u³", "θ₄ u²", "θ₅ u", "θ₆"].map((term, j) =>
      `<span class="fact"><small>${term}</small>${number(`theta_${j}`)}<small>${number(`delta_${j}`)}
        </small></span>`).join("")}</div>
    <p role="status"></p>`;

  let [states, k, timer] = [[], 0, 0]; // all states so far; the one that is shown
  function reset() {
    const theta = STARTS[values().start];
    [states, k] = [[{ before: theta, delta: Array(7).fill(0), theta, loss: loss(theta) }], 0];
  }
  function step() {
    if (k === states.length - 1) states.push(visit(states[k].theta, k % u.length, values()));
    k += 1;
  }
  function act(action) {
    const start = action === "play" && !timer;
    timer = clearInterval(timer);
    if (start) timer = setInterval(() => { step(); draw(); }, 400);
    part("play").textContent = start ? "Pause" : "Play";
    if (action === "step") step();
    if (action === "back") k = Math.max(k - 1, 0);
    if (action === "epoch") do step(); while (k % u.length);
    if (action === "reset") reset();
    draw();
  }
  root.addEventListener("click", ({ target }) => {
    if (target.matches("button")) act(target.dataset.name);
  });
  root.addEventListener("input", () => act("reset"));

  function ceiling(value) { // the smallest of 1, 2, 5, 10, 20, 50 ... that is not below a value
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].map((m) => m * power).find((limit) => limit >= value);
  }
  const ticks = (...all) => all.map((value) => [value, short(value)]);

  function drawCurve({ i, before, theta }, { color, mask }) {
    const grid = Array.from({ length: 97 }, (_, n) => -1.2 + n / 40);
    const curve = (weights) => grid.map((v) => [v, hypothesis(weights, features(v), mask)]);
    const heights = X.map((x) => hypothesis(theta, x, mask)); // each sample stays in view
    const up = ceiling(Math.max(2, ...heights));
    const down = ceiling(Math.max(2, ...heights.map((h) => -h)));
    const [low, top] = [-Math.max(down, up / 5), Math.max(up, down / 5)];
    explore.plot(part("curve"), {
      label: "The curve of h over u, and the samples at the heights that their labels ask for",
      x: [-1.3, 1.3], xticks: ticks(-1, 0, 1), xlabel: "input u",
      y: [low, top], yticks: ticks(low, 0, top / 2, top), ylabel: "h(u), before (dashed) and after",
    }, ({ line, mark }) => {
      line(curve(before), "gray", { "stroke-dasharray": "6 4" });
      line(curve(theta), color);
      u.forEach((v, n) => (y[n] > 0 ? mark(v, 1, "disc", "blue")
        : mark(v, -1, "cross", "purple", { stroke: explore.ink("purple"), "stroke-width": 2.5 })));
      if (k) mark(u[i], y[i], "ring", "black", { "fill-opacity": 0, stroke: explore.ink("black") });
    });
  }
  function drawLosses({ color }) {
    const losses = states.slice(0, k + 1).map((state, n) => [n / u.length, state.loss]);
    const most = ceiling(Math.max(...losses.map(([, value]) => value)));
    const epochs = Math.max(2, Math.ceil(k / u.length));
    const every = Math.ceil(epochs / 5);
    const marked = Array.from({ length: epochs / every + 1 }, (_, n) => n * every);
    explore.plot(part("losses"), {
      label: "The loss after each visit so far",
      x: [0, epochs * 1.02], xticks: ticks(...marked), xlabel: "epoch",
      y: [0, most], yticks: ticks(0, most / 2, most), ylabel: "loss ℓ",
    }, ({ line, mark }) => {
      line(losses, color);
      mark(...losses[k], "disc", "black");
    });
  }
  function draw() {
    const [{ algorithm, alpha }, now] = [values(), states[k]];
    drawCurve(now, ALGORITHMS[algorithm]);
    drawLosses(ALGORITHMS[algorithm]);
    const sample = { sample: now.i + 1, u: u[now.i], y: y[now.i], margin: now.margin };
    show({ alpha, k, epoch: Math.ceil(k / u.length), loss: now.loss, ...sample });
    now.theta.forEach((value, j) => show({ [`theta_${j}`]: value, [`delta_${j}`]: now.delta[j] }));
    part("branch").textContent = now.stepped ? "step" : k ? "no step" : "none";
    part("back").disabled = k === 0;
    say(k === 0 ? `The ${algorithm} algorithm at its start: no sample is visited yet.`
      : `The ${algorithm} algorithm, visit ${k}, sample ${now.i + 1}: the margin ${short(now.margin)}
        is ${now.margin < 1 ? "below" : "at least"} 1, and the algorithm
        ${now.stepped ? "steps" : "does not step"}. The loss is now ${short(now.loss)}.`, timer);
  }

  reset();
  do step(); while (k % u.length); // the first epoch, as in the figure
  return draw;
});
