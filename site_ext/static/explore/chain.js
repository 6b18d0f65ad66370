// Question 2 as a chain: one input, one hidden unit, the output. The formulas are those of
// hwlib.network, stable forms included; the comments name the book's equations.
explore.register("chain", (root, { part, values, show, say }) => {
  const { short, number, slider } = explore;
  const relu = (z) => Math.max(z, 0); // eq-relu
  const relu_grad = (z) => (z > 0 ? 1 : 0); // eq-relu-grad
  const sigmoid = (z) => (z >= 0 ? 1 : Math.exp(z)) / (1 + Math.exp(-Math.abs(z))); // eq-sigmoid
  const sigmoid_grad = (z) => sigmoid(z) * sigmoid(-z); // eq-sigmoid-grad
  const log_loss = (z, y) => // eq-log-loss-logit
    Math.max((1 - 2 * y) * z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
  const log_loss_grad = (z, y) => (1 - y) * sigmoid(z) - y * sigmoid(-z); // eq-delta-out-stable

  function forward(p) {
    const z_1 = p.x_1 * p.W_11 + p.b_1; // eq-z-hidden
    const a_1 = relu(z_1); // eq-a-hidden
    const z_4 = a_1 * p.W_14 + p.b_4; // eq-z-out
    return { z_1, a_1, z_4, y_hat: sigmoid(z_4), L: log_loss(z_4, p.y) };
  }
  function backward(p, { z_1, a_1, z_4 }) {
    // eq-log-loss-grad with sigmoid(-z_4) for 1 - y_hat: finite also where y_hat rounds to 1
    const delta_y_hat = -p.y / sigmoid(z_4) + (1 - p.y) / sigmoid(-z_4);
    const delta_z_4 = log_loss_grad(z_4, p.y);
    const delta_a_1 = delta_z_4 * p.W_14; // eq-delta-a-1
    const delta_z_1 = delta_a_1 * relu_grad(z_1); // eq-delta-z-hidden
    return { delta_y_hat, delta_z_4, delta_a_1, delta_z_1,
      L_x_1: delta_z_1 * p.W_11, // eq-delta-x
      L_W_11: delta_z_1 * p.x_1, L_b_1: delta_z_1, // eq-grad-w-11, eq-grad-b-hidden
      L_W_14: delta_z_4 * a_1, L_b_4: delta_z_4 }; // eq-grad-w-out, eq-grad-b-out
  }
  function numerical_grad(p, name) { // eq-central-difference
    const step = explore.MACHINE_EPSILON ** (1 / 3) * Math.max(1, Math.abs(p[name]));
    const [right, left] = [p[name] + step, p[name] - step];
    const L = (value) => forward({ ...p, [name]: value }).L;
    return (L(right) - L(left)) / (right - left); // the step as it was rounded
  }

  // No factor that a number here sets is 1, or equals another.
  const START = { x_1: 3, W_11: 0.25, b_1: 0.625, W_14: 1.5, b_4: -1.5 };
  // Eighths: their products are exact, so z_1 = 0 can be met.
  const RANGE = { min: -4, max: 4, step: 0.125 };
  // A node: its symbol, its place along the chain and across it; and its edge: the node it leads
  // to, how it points, and the local factor as a formula and as a number.
  const NODES = {
    x_1: { symbol: "x₁", along: 1, across: 3,
      to: "z_1", points: "on", formula: " = W₁₁", factor: (v) => v.W_11 },
    W_11: { symbol: "W₁₁", along: 3, across: 1,
      to: "z_1", points: "down", formula: " = x₁", factor: (v) => v.x_1 },
    b_1: { symbol: "b₁", along: 3, across: 5,
      to: "z_1", points: "up", formula: "", factor: () => 1 },
    z_1: { symbol: "z₁", along: 3, across: 3,
      to: "a_1", points: "on", formula: " = ReLU′(z₁)", factor: (v) => relu_grad(v.z_1) },
    a_1: { symbol: "a₁", along: 5, across: 3,
      to: "z_4", points: "on", formula: " = W₁₄", factor: (v) => v.W_14 },
    W_14: { symbol: "W₁₄", along: 7, across: 1,
      to: "z_4", points: "down", formula: " = a₁", factor: (v) => v.a_1 },
    b_4: { symbol: "b₄", along: 7, across: 5,
      to: "z_4", points: "up", formula: "", factor: () => 1 },
    z_4: { symbol: "z₄", along: 7, across: 3,
      to: "y_hat", points: "on", formula: " = σ′(z₄)", factor: (v) => sigmoid_grad(v.z_4) },
    y_hat: { symbol: "ŷ", along: 9, across: 3,
      to: "L", points: "on", formula: " = −y/ŷ + (1 − y)/(1 − ŷ)", factor: (v) => v.delta_y_hat },
    L: { symbol: "L", along: 11, across: 3 },
  };
  const GATED = ["x_1", "W_11", "b_1", "z_1", "W_14"]; // their derivatives a closed gate makes 0
  const place = (along, across) => `style="--along: ${along}; --across: ${across}"`;

  function node([name, { symbol, along, across, to, points, formula }]) {
    const gate = name === "a_1" ? '<b data-name="gate"></b>' : "";
    const box = `<span class="node" ${place(along, across)}>${symbol}
      ${gate}${number(name)}</span>`;
    if (!to) return box;
    const next = NODES[to];
    const delta = (of) => `δ<sub>${of}</sub>`;
    const [derivative, known] = name in START ? [`∂L/∂${symbol}`, `L_${name}`]
      : [delta(symbol), `delta_${name}`];
    return `${box}<button type="button" data-name="edge_${name}"
      class="edge ${points} ${GATED.includes(name) ? "gated" : ""}"
      ${place((along + next.along) / 2, (across + next.across) / 2)}>
      <span>${derivative}</span><i class="arrow"></i>${number(known)}
      <span class="factor"><b>${symbol} → ${next.symbol}</b>: local factor
        ∂${next.symbol}/∂${symbol}${formula} = ${number(`factor_${name}`)}.
        ${derivative} = ${to === "L" ? "1" : delta(next.symbol)} · local factor.</span></button>`;
  }
  const row = ([name, value]) => `<div class="entry">
    ${slider(name, NODES[name].symbol, { ...RANGE, value })}${number(`L_${name}`)}
    ${number(`numerical_${name}`)}</div>`;
  root.innerHTML = `<p>In the boxes: values, computed along the arrows. On the arrows: derivatives of
      L, computed against them. Choose an arrow to see its local factor.</p>
    <div class="graph">${Object.entries(NODES).map(node).join("")}</div>
    <div class="entry"><span></span><small>∂L/∂…</small><small>finite difference</small></div>
    ${Object.entries(START).map(row).join("")}
    <div class="inputs">${explore.choice("y", "label y", [[1, "1"], [0, "0"]])}
      ${explore.button("defaults", "Reset")}</div><p role="status"></p>`;
  const graph = root.querySelector(".graph");

  function tell({ target }) {
    const edge = target.closest(".edge");
    if (edge) graph.querySelector(".told")?.classList.remove("told");
    edge?.classList.add("told");
  }
  for (const event of ["pointerover", "focusin", "click"]) graph.addEventListener(event, tell);
  tell({ target: part("edge_a_1") });

  return () => {
    const p = values();
    const v = { ...p, ...forward(p) };
    Object.assign(v, backward(p, v));
    for (const name of Object.keys(START)) v[`numerical_${name}`] = numerical_grad(p, name);
    for (const [name, { factor }] of Object.entries(NODES)) v[`factor_${name}`] = factor?.(v);
    show(v);
    graph.classList.toggle("off", v.z_1 <= 0);
    part("gate").textContent = v.z_1 > 0 ? "on" : "off";
    const state = v.z_1 > 0 ? "is above 0: the unit is on, and the derivative passes."
      : "is not above 0: the unit is off. ∂L/∂W₁₁, ∂L/∂b₁ and ∂L/∂W₁₄ are 0.";
    const kink = v.z_1 === 0 ? ` Here is the kink, and no derivative. The book takes 0; the central
      finite difference is the mean of both sides.` : "";
    const rounded = v.y_hat === 1 ? ` ŷ is rounded to 1. The derivatives are computed from z₄: with
      1/(1 − ŷ) one would divide by 0.` : "";
    say(`z₁ = ${short(v.z_1)} ${state}${kink}${rounded}`);
  };
});
