// Question 2 as a chain: one input, one hidden unit, the output. The formulas are those of
// hwlib.network, stable forms included; the comments name the book's equations.
explore.register("chain", (root, { values, show, say }) => {
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
    const L = log_loss(z_4, p.y);
    const R = 0.5 * (p.l2 * p.W_11) * p.W_11 + 0.5 * (p.l2 * p.W_14) * p.W_14; // eq-l2-penalty
    return { z_1, a_1, z_4, y_hat: sigmoid(z_4), L, R, J: L + R }; // eq-l2-objective
  }

  function backward(p, { z_1, a_1, z_4 }) {
    // eq-log-loss-grad, with 1 - y_hat as sigmoid(-z_4): it stays finite where y_hat rounds to 1
    const delta_y_hat = -p.y / sigmoid(z_4) + (1 - p.y) / sigmoid(-z_4);
    const delta_z_4 = log_loss_grad(z_4, p.y);
    const delta_a_1 = delta_z_4 * p.W_14; // eq-delta-a-1
    const delta_z_1 = delta_a_1 * relu_grad(z_1); // eq-delta-z-hidden
    const slopes = {
      x_1: delta_z_1 * p.W_11, // eq-delta-x
      W_11: delta_z_1 * p.x_1, // eq-grad-w-11
      b_1: delta_z_1, // eq-grad-b-hidden
      W_14: delta_z_4 * a_1, // eq-grad-w-out
      b_4: delta_z_4, // eq-grad-b-out
    };
    return { slopes, deltas: { delta_y_hat, delta_z_4, delta_a_1, delta_z_1 } };
  }

  function numerical_grad(p, name) { // eq-central-difference
    const step = explore.MACHINE_EPSILON ** (1 / 3) * Math.max(1, Math.abs(p[name]));
    const [right, left] = [p[name] + step, p[name] - step];
    const J = (value) => forward({ ...p, [name]: value }).J;
    return (J(right) - J(left)) / (right - left); // the step as it was rounded
  }

  const RANGE = [-3, 3, 0.125]; // eighths: their products are exact, so z_1 = 0 can be met
  const INPUTS = {
    x_1: ["x₁", "input x₁", [...RANGE, 1]],
    W_11: ["W₁₁", "weight W₁₁", [...RANGE, 0.5]],
    b_1: ["b₁", "bias b₁", [...RANGE, 1]],
    W_14: ["W₁₄", "weight W₁₄", [...RANGE, 1]],
    b_4: ["b₄", "bias b₄", [...RANGE, -0.5]],
  };
  // Name: symbol, place along the chain, place across it.
  const NODES = {
    x_1: ["x₁", 1, 3], W_11: ["W₁₁", 3, 1], b_1: ["b₁", 3, 5], z_1: ["z₁", 3, 3],
    a_1: ["a₁", 5, 3], W_14: ["W₁₄", 7, 1], b_4: ["b₄", 7, 5], z_4: ["z₄", 7, 3],
    y_hat: ["ŷ", 9, 3], L: ["L", 11, 3],
  };
  const delta = (symbol) => `δ<sub>${symbol}</sub>`;
  // From a node: to the next, name and symbol of the slope, local factor as formula and number.
  const EDGES = {
    x_1: ["z_1", "L_x_1", "∂L/∂x₁", " = W₁₁", (v) => v.W_11],
    W_11: ["z_1", "L_W_11", "∂L/∂W₁₁", " = x₁", (v) => v.x_1],
    b_1: ["z_1", "L_b_1", "∂L/∂b₁", "", () => 1],
    z_1: ["a_1", "delta_z_1", delta("z₁"), " = ReLU′(z₁)", (v) => relu_grad(v.z_1)],
    a_1: ["z_4", "delta_a_1", delta("a₁"), " = W₁₄", (v) => v.W_14],
    W_14: ["z_4", "L_W_14", "∂L/∂W₁₄", " = a₁", (v) => v.a_1],
    b_4: ["z_4", "L_b_4", "∂L/∂b₄", "", () => 1],
    z_4: ["y_hat", "delta_z_4", delta("z₄"), " = σ′(z₄)", (v) => sigmoid_grad(v.z_4)],
    y_hat: ["L", "delta_y_hat", delta("ŷ"), " = −y/ŷ + (1 − y)/(1 − ŷ)", (v) => v.delta_y_hat],
  };
  const KILLED = ["x_1", "W_11", "b_1", "z_1", "W_14"]; // the slopes that a closed gate makes 0

  const node = (name, [symbol, along, across]) =>
    `<span class="node" style="--along: ${along}; --across: ${across}">${symbol}
      ${name === "a_1" ? '<b data-name="gate"></b>' : ""}${explore.number(name)}</span>`;
  function edge(name, [to, slope, symbol, formula]) {
    const [[from, along, across], [next, after, beside]] = [NODES[name], NODES[to]];
    const way = across < beside ? "down" : across > beside ? "up" : "on";
    const factor = `∂${next}/∂${from}${formula} = ${explore.number(`factor_${name}`)}`;
    const upstream = to === "L" ? "1" : delta(next);
    return `<button type="button" class="edge ${way}" data-name="edge_${name}"
      style="--along: ${(along + after) / 2}; --across: ${(across + beside) / 2}">
      <span>${symbol}</span><i class="arrow"></i>${explore.number(slope)}
      <span class="factor"><b>${from} → ${next}</b>: local factor ${factor}.
        Slope ${symbol} = ${upstream} · local factor.</span></button>`;
  }
  const row = (name, decays) => `<div class="entry">${explore.slider(name, ...INPUTS[name])}
    ${explore.fact(`∂L/∂${INPUTS[name][0]}`, `L_${name}`)}
    ${decays ? explore.fact(`+ λ${INPUTS[name][0]}`, `R_${name}`) : "<span></span>"}
    ${explore.fact(`= ∂J/∂${INPUTS[name][0]}`, `J_${name}`)}
    ${explore.fact("difference", `numerical_${name}`)}</div>`;
  const join = (table, draw) => Object.keys(table).map((name) => draw(name, table[name])).join("");

  root.innerHTML = `<p>In the boxes: values, computed along the arrows. On the arrows: slopes of L, computed
      against them. Choose an arrow to see its local factor.</p>
    <div class="graph">${join(NODES, (name, place) =>
      node(name, place) + (EDGES[name] ? edge(name, EDGES[name]) : ""))}</div>
    ${join(INPUTS, (name) => row(name, name.startsWith("W")))}
    <div class="entry">${explore.slider("l2", "λ", "strength of the penalty λ", [0, 1, 0.05, 0.1])}
      ${explore.fact("L", "L")}${explore.fact("+ R", "R")}${explore.fact("= J", "J")}</div>
    ${explore.choice("y", "label y", [[1, "1"], [0, "0"]])}<p role="status"></p>`;
  const graph = root.querySelector(".graph");

  function tell({ target }) {
    const chosen = target.closest?.(".edge");
    if (chosen) graph.querySelector(".told")?.classList.remove("told");
    chosen?.classList.add("told");
  }
  ["pointerover", "focusin", "click"].forEach((event) => graph.addEventListener(event, tell));
  tell({ target: graph.querySelector("[data-name=edge_a_1]") });

  return () => {
    const p = values();
    const v = forward(p);
    const { slopes, deltas } = backward(p, v);
    show({ ...p, ...v, ...deltas });
    for (const [name, slope] of Object.entries(slopes)) {
      const decay = name.startsWith("W") ? p.l2 * p[name] : 0; // eq-l2-penalty-grad
      show({ [`L_${name}`]: slope, [`R_${name}`]: decay, [`J_${name}`]: slope + decay,
        [`numerical_${name}`]: numerical_grad(p, name) });
    }
    const off = v.z_1 <= 0;
    for (const [name, [, , , , factor]] of Object.entries(EDGES)) {
      show({ [`factor_${name}`]: factor({ ...p, ...v, ...deltas }) });
      const killed = off && KILLED.includes(name);
      graph.querySelector(`[data-name=edge_${name}]`).classList.toggle("killed", killed);
    }
    graph.querySelector("[data-name=gate]").textContent = off ? "off" : "on";
    const z_1 = `z₁ = ${explore.short(v.z_1)}`;
    const state = v.z_1 > 0 ? `${z_1} is above 0: the unit is on, and the slope passes.`
      : `${z_1}: the unit is off. ∂L/∂W₁₁, ∂L/∂b₁ and ∂L/∂W₁₄ are 0. The weights keep their decay
        λW; the bias b₁ has none.`;
    const kink = v.z_1 === 0 ? ` This is the kink: there is no derivative. The book takes 0. The
      difference takes the mean of both sides, and is no derivative either.` : "";
    const rounded = v.y_hat === 1 ? ` ŷ has rounded to 1. Slopes are computed from z₄: in
      1/(1 − ŷ) one would divide by 0.` : "";
    say(state + kink + rounded);
  };
});
