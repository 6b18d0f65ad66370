// The answer box. A lexer that knows the symbols of the box writes products out, jsep parses, and
// a walk over what is allowed makes the tree that is both shown and evaluated. The values are
// compared with those in the page: this script knows no model.
addEventListener("DOMContentLoaded", () => {
  const LONGEST = 300;
  const DEEPEST = 20;
  const GREEK = "αalpha,δdelta,θtheta,λlambda,μmu,σsigma,τtau".split(",");
  const sigmoid = (v) => 1 / (1 + Math.exp(-v));
  const FUNCTIONS = {
    max: Math.max, min: Math.min, exp: Math.exp, log: Math.log, ln: Math.log, sqrt: Math.sqrt,
    abs: Math.abs, sign: Math.sign, tanh: Math.tanh, "tanh'": (v) => 1 - Math.tanh(v) ** 2,
    σ: sigmoid, sigmoid, "σ'": (v) => sigmoid(v) * sigmoid(-v),
    "sigmoid'": (v) => sigmoid(v) * sigmoid(-v),
    ReLU: (v) => Math.max(v, 0), "ReLU'": (v) => +(v > 0), sum: (v) => v,
  };
  const OPERATORS = {
    "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b,
    "^": (a, b) => a ** b, "&&": (a, b) => +(a && b), "||": (a, b) => +(a || b),
  };
  const COMPARISONS = {
    "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b,
    "==": (a, b) => a === b, "!=": (a, b) => a !== b,
  };
  jsep.addBinaryOp("^", 11, true);
  jsep.addBinaryOp("==", 7);
  jsep.addBinaryOp("!=", 7);

  class Unreadable extends Error {}
  const fail = (words) => { throw new Unreadable(words); };

  // One spelling of what can be spelled in many ways; what it does not know it leaves.
  function plain(text) {
    let s = text.normalize("NFC").replace(/\\?(?:left|right|mathrm|mathbf|operatorname)(?![a-z])/g, "")
      .replace(/[₀-₉]/g, (c) => `_${c.charCodeAt(0) - 0x2080}`).replace(/ᵢ/g, "_i").replace(/ⱼ/g, "_j")
      .replace(/[⁰¹²³⁴-⁹]+/g, (run) => `^${[...run].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(c)).join("")}`)
      .replace(/\\?hat\s*(?:\{\s*y\s*\}|y)|y_?\{?hat\}?/g, "ŷ")
      .replace(/\\?sum|[Σ∑]/g, " sum").replace(/[−–—]/g, "-").replace(/\\?cdot|\\times|[·×∗⋅]/g, "*")
      .replace(/\*\*/g, "^").replace(/÷/g, "/").replace(/\\leq?|≤/g, "<=").replace(/\\geq?|≥/g, ">=")
      .replace(/≠/g, "!=").replace(/[′’`´]/g, "'").replace(/∧|\band\b/g, "&&").replace(/∨|\bor\b/g, "||")
      .replace(/𝟙/gu, "1");
    for (const name of GREEK) s = s.replace(RegExp(`\\\\?${name.slice(1)}`, "g"), name[0]);
    for (let last = ""; last !== s;) { // δ_{z_{4}} is δ_z4
      last = s;
      s = s.replace(/_\s*\{([^{}<>=()*/^+-]*)\}/g, (_, index) => `_${index.replace(/[\s_,]/g, "")}`);
    }
    return s.replace(/(_[\p{L}\d]+)[_,](?=[\p{L}\d])/gu, "$1").replace(/_\{/g, "{").replace(/\\/g, " ");
  }

  const quoted = (text) => `“${text.length > 24 ? `${text.slice(0, 24)}…` : text}”`;
  const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  // The words of a box, longest first: [expression that matches, name for jsep, is a function].
  function vocabulary(box) {
    const words = [["e", "e", false], ...Object.keys(FUNCTIONS).map((f, n) => [f, `f${n}`, true])];
    box.keys.forEach((key, n) => {
      for (const name of box.names[key]) words.push([name, `s${n}`, false, key.split("_")[1] ?? ""]);
    });
    return words.sort((a, b) => b[0].length - a[0].length).map(([name, id, isFunction, index]) => {
      const bare = index?.length > 1 && !name.includes("_") ? "(?![\\p{L}\\d])" : "";
      const spelled = literal(name).replace("_", "_?");
      return [RegExp(`^${spelled}${bare}(?![\\d_])`, "iu"), id, isFunction];
    });
  }
  const BEFORE = /[-+*/^<>=!&|(,[{]/;

  // The text with its products written out, brackets as calls of p, and words as names of ours.
  function lex(text, words) {
    const out = [];
    const open = []; // what closes the brackets that are open; "auto" after log x
    let rest = text.trim();
    let operand = false; // whether what stands before can be a factor
    const begin = (token) => { if (operand) out.push("*"); out.push(token); operand = false; };
    const end = () => { for (operand = true; open.at(-1) === "auto"; open.pop()) out.push(")"); };
    const OPENING = { "(": ")", "[": "]", "{": "}" };
    while (rest) {
      const number = /^(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?/i.exec(rest.replace(
        open.length ? "" : /^(\d*),(?=\d)/, "$1."));
      const word = words.find(([pattern]) => pattern.test(rest));
      const [operator] = /^(?:[<>=!]=|&&|\|\||[-+*/^<>=,])/.exec(rest) ?? [];
      let used = operator?.length ?? 1;
      if (number) {
        if (/\d$/.test(out.at(-1))) fail(`Two numbers side by side: ${quoted(rest)}.`);
        used = number[0].length;
        begin(number[0]);
        end();
      } else if (word) {
        used = word[0].exec(rest)[0].length;
        begin(word[1]);
        if (word[2]) {
          const bracket = /^(?:_[ij])?\s*([([{])?/.exec(rest.slice(used));
          used += bracket[0].length;
          out.push("(");
          open.push(OPENING[bracket[1]] ?? "auto");
        } else end();
      } else if (rest[0] in OPENING || (rest[0] === "|" && !operand)) {
        begin(rest[0] === "|" ? "f6(" : "p(");
        open.push(OPENING[rest[0]] ?? "|");
      } else if (/[\])}|]/.test(rest[0]) && operator !== "||") {
        if (!operand || open.pop() !== rest[0]) fail(`No bracket to close, or nothing in it: ${quoted(rest)}.`);
        out.push(")");
        end();
      } else if (operator) {
        if (operator === "=" && !open.length) fail("One “=” too many.");
        if (open.at(-1) === "auto") fail("Write the argument of a function in brackets: log(…).");
        out.push(operator === "=" ? "==" : operator);
        operand = false;
      } else {
        const [what] = /^[\p{L}\d_']+|^./u.exec(rest);
        fail(`I do not know ${quoted(what)} here.`);
      }
      rest = rest.slice(used).trimStart();
      if (open.length > DEEPEST) fail(`Brackets more than ${DEEPEST} deep.`);
    }
    if (open.length) fail(open.at(-1) === "auto" ? "A function without its argument." : `A bracket is not closed: “${open.at(-1)}” is missing.`);
    return out.join(" ");
  }

  const SHOWN = { "*": "·", "-": "−", "<": "&lt;", ">": "&gt;", "<=": "≤", ">=": "≥", "==": "=",
    "!=": "≠", "&&": "∧", "||": "∨" };
  const sign = (operator) => `<mo>${SHOWN[operator] ?? operator}</mo>`;
  const row = (...parts) => `<mrow>${parts.join("")}</mrow>`;
  const fenced = (a, inside, b) => row(`<mo>${a}</mo>`, inside, `<mo>${b}</mo>`);
  function symbol(key) { // ŷ, W_14, δ_z4
    const [base, index] = key.split("_");
    const letter = base === "ŷ" ? "<mover><mi>y</mi><mo>^</mo></mover>" : `<mi>${base}</mi>`;
    if (!index) return letter;
    const below = /^[a-z]\d$/.test(index) ? symbol(index.split("").join("_"))
      : /^\d+$/.test(index) ? `<mn>${index}</mn>` : `<mi>${index}</mi>`;
    return `<msub>${letter}${row(below)}</msub>`;
  }

  class NoValue extends Error { constructor(math) { super(); this.math = math; } }

  // What a part of a formula is: its value at a point (and an index), and how it is shown. `bare`
  // is it without brackets, where a fraction or a power groups.
  const part = (value, math, more) => ({
    at(point, index) {
      const v = value(point, index);
      if (Number.isFinite(v)) return v;
      throw new NoValue(math);
    }, math, bare: math, ...more,
  });
  const MISSING = "A part is missing, or something stands in a wrong place.";

  // A walk over jsep's tree that knows numbers, symbols, operations and calls, and nothing else.
  function walk(node, box, summed = false) {
    const next = (child, inSum = summed) => walk(child, box, inSum);
    const { type, operator = "" } = node;
    const name = type === "Identifier" ? node.name : type === "CallExpression" ? node.callee.name : "";
    if (type === "Literal" && typeof node.value === "number") {
      return part(() => node.value, `<mn>${node.value}</mn>`, { dot: true });
    }
    if (type === "Identifier" && name === "e") return part(() => Math.E, "<mi>e</mi>");
    if (type === "Identifier" && /^s\d+$/.test(name)) {
      const key = box.keys[name.slice(1)];
      const values = box.symbols[key];
      if (!Array.isArray(values[0])) return part((p) => values[p], symbol(key));
      if (!summed) fail(`${key.replace("_", "")} has an index: it belongs into sum(…).`);
      return part((p, j) => values[p][j], symbol(key));
    }
    if (type === "UnaryExpression" && operator === "+") return next(node.argument);
    if (type === "UnaryExpression" && operator === "-") {
      const of = next(node.argument);
      return part((p, j) => -of.at(p, j), sign("-") + of.math, { dot: true });
    }
    if (operator === "^" && node.left.type === "UnaryExpression") { // −x² is −(x²)
      return next({ ...node.left, argument: { ...node, left: node.left.argument } });
    }
    if (type.endsWith("Expression") && Object.hasOwn(COMPARISONS, operator)) {
      const left = next(node.left); // a < b < c
      const right = next(node.right);
      const holds = (p, j) => COMPARISONS[operator]((left.last ?? left).at(p, j), right.at(p, j));
      return part((p, j) => +(holds(p, j) && (!left.last || left.at(p, j))),
        left.math + sign(operator) + right.math, { last: right, condition: true });
    }
    if (type.endsWith("Expression") && Object.hasOwn(OPERATORS, operator)) {
      const [a, b] = [next(node.left), next(node.right)];
      const beside = operator === "*" && !b.dot;
      const math = operator === "/" ? `<mfrac>${row(a.bare)}${row(b.bare)}</mfrac>`
        : operator === "^" ? `<msup>${row(a.math)}${row(b.bare)}</msup>`
        : a.math + (beside ? '<mspace width="0.17em"></mspace>' : sign(operator)) + b.math;
      return part((p, j) => OPERATORS[operator](a.at(p, j), b.at(p, j)), math,
        { dot: a.dot && /[*^]/.test(operator), condition: /[&|]/.test(operator) });
    }
    const f = Object.keys(FUNCTIONS)[/^f\d+$/.test(name) ? name.slice(1) : NaN];
    const of = (node.arguments ?? []).map((argument) => next(argument, summed || f === "sum"));
    if (name === "p" && of.length === 1) {
      const { at, math, condition } = of[0];
      return condition ? part(at, fenced("[", math, "]")) : part(at, fenced("(", math, ")"), { bare: math });
    }
    if (!f) fail(MISSING);
    const many = f === "max" || f === "min";
    if (many ? of.length < 2 : of.length !== 1) fail(`${f} takes ${many ? "two arguments" : "one argument"}.`);
    const all = of.map((argument) => argument.math).join("<mo>,</mo>");
    if (f === "abs") return part((p, j) => Math.abs(of[0].at(p, j)), fenced("|", all, "|"));
    if (f === "sum") {
      return part((p) => box.range.reduce((total, j) => total + of[0].at(p, j), 0),
        row("<munder><mo>∑</mo><mi>j</mi></munder>", fenced("(", all, ")")));
    }
    return part((p, j) => FUNCTIONS[f](...of.map((argument) => argument.at(p, j))),
      row(`<mi>${f.replace("'", "′")}</mi>`, fenced("(", all, ")")));
  }

  function read(text, box) {
    if (text.length > LONGEST) fail(`Longer than ${LONGEST} characters.`);
    const s = plain(text);
    let [depth, start] = [0, 0]; // `start`: behind a left side that was typed along
    for (const { 0: c, index } of s.matchAll(/[([{]|[)\]}]|(?<![<>=!])=(?!=)/g)) {
      if (c !== "=") depth += "([{".includes(c) ? 1 : -1;
      else if (depth === 0) start = index + 1;
    }
    if (!s.slice(start).trim()) fail("Nothing to read yet.");
    const source = lex(s.slice(start), box.words);
    let parsed;
    try { parsed = jsep(source); } catch { fail(MISSING); }
    const formula = walk(parsed, box);
    if (formula.condition) fail("A condition counts as 1 or 0, in square brackets: [a < b].");
    return formula;
  }

  const short = (v) => String(Number(v.toPrecision(4))).replace("-", "−");
  const shown = (math) => `<math>${row(math)}</math>`;

  function judge(formula, box) {
    const { right, difference, symbols, keys } = box;
    const points = right.map((_, p) => p);
    const place = (p) => keys.filter((key) => !Array.isArray(symbols[key][p])).map((key) =>
      shown(`${symbol(key)}<mo>=</mo><mn>${short(symbols[key][p])}</mn>`)).join(", ");
    let at = 0;
    let values;
    try {
      values = points.map((p) => formula.at((at = p)));
    } catch (error) {
      if (!(error instanceof NoValue)) throw error;
      return { verdict: "novalue", where: `${shown(error.math)} has no value${keys.length ? ` at this point: ${place(at)}` : ""}.` };
    }
    const near = (v, target) => Math.abs(v - target) <= (keys.length ? 1e-9 * (1 + Math.abs(target)) : 0.5001 * 10 ** -box.digits);
    const same = (target) => points.every((p) => near(values[p], target[p]));
    const names = (list) => list.filter(([, ...rest]) => same(rest.at(-1))).map(([name]) => name);
    if (same(right)) return { verdict: "right" };
    const wrong = points.filter((p) => !near(values[p], right[p]));
    const [convention] = names(box.conventions);
    if (convention) return { verdict: "convention", name: convention };
    const between = (p) => (values[p] - right[p]) * (values[p] - box.atKink[p]) <= 0;
    if (wrong.every((p) => difference[p] === null && between(p))) {
      return { verdict: "convention", name: "another value at the kink" };
    }
    const made = names(box.mistakes);
    const result = { verdict: made.length ? "mistake" : "wrong", name: made.join(" / ") };
    if (!keys.length) return result;
    // Evidence: a condition under which all is right, and the first point of the others.
    const held = box.where.flatMap(([yes, no, kind, is]) => [[yes, no, kind, 1, is], [no, yes, kind, 0, is]])
      .find(([, , , good, is]) => wrong.every((p) => is[p] !== good) && is.includes(good));
    const p = wrong.find((q) => difference[q] !== null) ?? wrong[0];
    const truth = difference[p] === null ? "there is a kink, and no derivative" : `the finite difference of the loss gives ${short(difference[p])}`;
    result.where = `${held ? `Right ${held[0]}. Look ${held[1]}` : "Look here"}: at ${place(p)} your formula gives ${short(values[p])}, and ${truth}.`;
    const free = points.find((q) => Math.abs(right[q]) > 1e-9);
    const factor = values[free] / right[free];
    const [other] = names(box.others);
    const single = keys.find((key) => same(right.map((v, q) => v * symbols[key][q]))
      || points.every((q) => near(values[q] * symbols[key][q], right[q])));
    result.kind = other ? `These are the values of the derivative with respect to ${other}.`
      : same(right.map((v) => -v)) ? "Minus the derivative, everywhere: a step that should go downhill goes uphill."
      : same(right.map((v) => v * factor)) ? `${short(factor)} times the derivative, everywhere: a constant factor.`
      : single ? `Your value divided by the derivative depends on ${shown(symbol(single))} alone.`
      : held?.[2] ?? "No single factor explains it: look at one link of the chain after the other.";
    const [, rule] = box.mistakes.find(([name]) => name === made[0]) ?? [];
    result.told = rule && `These are the values of: ${made.map(quoted).join(", or ")}. ${quoted(rule).slice(1, -1)}`;
    return result;
  }

  const WORDS = {
    right: () => "Right, at every point tried.", mistake: (r) => r.where, wrong: (r) => r.where,
    convention: (r) => `Right for another convention: ${r.name}. The book's is another.`,
    novalue: (r) => r.where, unreadable: (r) => `Not readable, and no try lost. ${r.where}`,
  };

  for (const form of document.querySelectorAll("form.answer")) {
    const find = (selector) => form.querySelector(selector);
    const box = JSON.parse(find("script").textContent);
    box.keys = Object.keys(box.symbols);
    box.words = vocabulary(box);
    box.range = [...(Object.values(box.symbols).map(([first]) => first).find(Array.isArray) ?? []).keys()];
    const [input, output, reading] = ["input", "output", ".reading"].map(find);
    const hints = [...form.querySelectorAll("details.hint")];
    const solution = find("details.solution");
    const tries = new Set();
    find(".entry").hidden = false;
    for (const hint of hints) hint.hidden = true;

    const attempt = () => {
      try { return { formula: read(input.value, box) }; } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        return { verdict: "unreadable", where: error.message };
      }
    };
    input.addEventListener("input", () => {
      const { formula, where } = attempt();
      reading.innerHTML = !input.value.trim() ? "" : formula ? `Read as ${shown(formula.math)}` : where;
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      let result = attempt();
      if (result.formula) {
        const { math } = result.formula;
        result = judge(result.formula, box);
        if (!/right|convention/.test(result.verdict)) tries.add(math);
      }
      const n = result.verdict === "unreadable" || result.verdict === "right" ? 0 : tries.size;
      const lines = [WORDS[result.verdict](result), n > 1 && result.kind, n > 2 && result.told];
      output.dataset.verdict = result.verdict;
      output.dataset.name = result.name ?? "";
      output.innerHTML = lines.filter(Boolean).map((line) => `<p>${line}</p>`).join("");
      hints.forEach((hint, k) => { if (n > k + 1) hint.hidden = false; if (n === k + 2) hint.open = true; });
      if (solution && n > hints.length + 1) output.innerHTML += `<p><a href="#${solution.id}">Read the solution</a></p>`;
    });
    output.addEventListener("click", (event) => { if (event.target.matches("a")) solution.open = true; });
    find(".symbols")?.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the caret
    find(".symbols")?.addEventListener("click", ({ target }) => {
      const insert = target.closest("button")?.dataset.insert;
      if (!insert) return;
      const [before, after = ""] = insert.split("|");
      input.setRangeText(before + after + (after ? "" : " "), input.selectionStart, input.selectionEnd, "end");
      if (after) input.selectionStart = input.selectionEnd -= after.length;
      input.dispatchEvent(new Event("input"));
    });
  }
});
