// The answer box. A lexer that knows the symbols of the box writes products out, jsep parses, and
// one walk over its tree gives what is evaluated and what is shown. The values are compared with those
// that stand in the page, in an edition for students with their hashes: this script knows no model.
addEventListener("DOMContentLoaded", () => {
  const [LONGEST, DEEPEST] = [300, 20];
  const fail = (line, more) => { throw Object.assign(Error(line), { verdict: "unreadable", ...more }); };
  const MISPLACED = "A part is missing, or something stands in a wrong place.";
  const quoted = (text) => `“${text.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`)}”`;
  const sigmoid = (v) => 1 / (1 + Math.exp(-v));
  const FUNCTIONS = {
    max: Math.max, min: Math.min, exp: Math.exp, log: Math.log, ln: Math.log, sqrt: Math.sqrt,
    abs: Math.abs, sign: Math.sign, tanh: Math.tanh, "tanh'": (v) => 1 - Math.tanh(v) ** 2,
    σ: sigmoid, "σ'": (v) => sigmoid(v) * sigmoid(-v),
    ReLU: (v) => Math.max(v, 0), "ReLU'": (v) => +(v > 0), sum: null,
  };
  const NAMES = Object.keys(FUNCTIONS);
  const SUM = `f${NAMES.indexOf("sum")}`;
  const OPERATORS = {
    "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "⊙": (a, b) => a * b,
    "/": (a, b) => a / b, "^": (a, b) => a ** b, "<": (a, b) => +(a < b), ">": (a, b) => +(a > b),
    "<=": (a, b) => +(a <= b), ">=": (a, b) => +(a >= b), "==": (a, b) => +(a === b),
    "!=": (a, b) => +(a !== b), "&&": (a, b) => +(a && b), "||": (a, b) => +(a || b),
  };
  const isList = Array.isArray; // a matrix is a list of rows
  const shape = (a) => (isList(a) ? `${a.length} × ${a[0].length}` : "a number");
  const lift = (f) => (...all) => { // entry by entry
    const list = all.find(isList);
    if (!list) return f(...all);
    if (all.some((v) => isList(v) && v.length !== list.length)) fail("The shapes do not fit.");
    return list.map((_, n) => lift(f)(...all.map((v) => (isList(v) ? v[n] : v))));
  };
  const turn = (a) => (isList(a) ? a[0].map((_, k) => a.map((line) => line[k])) : a);
  const operate = (operator, a, b) => {
    if (operator !== "*" || !isList(a) || !isList(b)) return lift(OPERATORS[operator])(a, b);
    if (a[0].length !== b.length) fail(`The shapes ${shape(a)} and ${shape(b)} have no product.`);
    return a.map((line) => turn(b).map((other) => line.reduce((sum, v, n) => sum + v * other[n], 0)));
  };
  Object.entries({ "^": 11, "⊙": 10, "==": 7, "!=": 7 }).forEach((o) => jsep.addBinaryOp(...o, o[0] === "^"));

  // One spelling for what can be spelled in many ways.
  const SPELLINGS = [
    [/\\(?:math[a-z]+|operatorname)\s*\{(\w+)\}/g, "$1"], [/\\(?:left|right|[,;! ])|\$|[.,;]\s*$/g, ""],
    [/ᵀ|\^\s*\{?\s*(?:\\top|T)\s*\}?/g, "^⊤"], [/[₀-₉]/g, (c) => `_${c.charCodeAt(0) - 0x2080}`],
    [/ᵢ/g, "_i"], [/ⱼ/g, "_j"], [/𝟙/gu, "1"], [/\*\*/g, "^"], [/÷/g, "/"], [/[′’`´]/g, "'"], [/[−–—]/g, "-"],
    [/[⁰¹²³⁴-⁹]+/g, (run) => `^${[...run].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(c)).join("")}`],
    [/\\?cdot|\\times|[·×∗⋅]/g, "*"], [/\\?odot|[∘⊙]/g, "⊙"],
    [/\\?hat\s*(?:\{\s*y\s*\}|y)|y_?\{?hat\}?/gi, "ŷ"], [/(?:\\?sum|[Σ∑])(?:_\{?j\}?)?/g, " sum "],
    [/≠/g, "!="], [/\\leq?|≤/g, "<="], [/\\geq?|≥/g, ">="],
    [/∧|\band\b/g, "&&"], [/∨|\bor\b/g, "||"], [/(W_\d),(?=\d)/g, "$1"],
    ..."αalpha βbeta δdelta θtheta λlambda μmu σsigmoid σsigma τtau".split(" ").map(
      ([letter, ...name]) => [RegExp(`\\\\?${name.join("")}`, "gi"), letter]),
  ];
  function plain(text) {
    let s = SPELLINGS.reduce((all, [from, to]) => all.replace(from, to), text.normalize("NFC"));
    for (let last = ""; last !== s;) { // δ_{z_{4}} is δ_z4
      last = s;
      s = s.replace(/_\s*\{([^{}<>=()*/^+-]*)\}/g, (_, index) => `_${index.replace(/[\s_,]/g, "")}`)
        .replace(/\\frac\s*(\{[^{}]*\})\s*(\{[^{}]*\})/g, "($1/$2)");
    }
    return s.replace(/(_[\p{L}\d]+)_(?=[\p{L}\d])/gu, "$1").replace(/_\{/g, "{").replace(/\\/g, " ");
  }
  // What can stand in a formula: functions, the symbols of the box, e and the sign of a transpose.
  const WORDS = NAMES.map((f, n) => [f, `f${n}`]).sort((a, b) => b[0].length - a[0].length);
  const vocabulary = (symbols) => [...WORDS, ...symbols, ["e", "e"], ["⊤", "T"]].map(
    ([pattern, id]) => [RegExp(`^${pattern}(?![\\d_])`, "iu"), id]);

  // The text with its products written out, brackets as calls of p, words as names of ours.
  function lex(text, box) {
    const [out, open] = [[], []]; // `open`: what closes a bracket; "one" after log x, "many" after Σ
    let [rest, operand] = [text, false]; // `operand`: what stands before can be a factor
    const begin = (token) => { if (operand) out.push("*"); out.push(token); operand = false; };
    const close = (kind) => { for (; open.at(-1) === kind; open.pop()) out.push(")"); };
    const CLOSING = { "(": ")", "[": "]", "{": "}" };
    for (let used; (rest = rest.trimStart()); rest = rest.slice(used)) {
      if (operand && rest[0] !== "^") close("one");
      const comma = open.length ? rest : rest.replace(/^(\d*),(?=\d)/, "$1."); // a decimal one
      const [number] = /^(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?/i.exec(comma) ?? [];
      const [pattern, id] = box.words.find(([p]) => p.test(rest)) ?? [];
      const [operator] = /^(?:[<>=!]=|&&|\|\||[-+*/^<>=,⊙])/.exec(rest) ?? [];
      used = (number ?? operator ?? rest[0]).length;
      if (number) {
        if (operand && /^[\d.]/.test(out.at(-1))) fail("Two numbers stand side by side.");
        operand = !begin(number);
      } else if (id) {
        used = pattern.exec(rest)[0].length;
        begin(id);
        if ((operand = id[0] !== "f")) continue;
        const [space, bracket] = /^\s*([([{])?/.exec(rest.slice(used));
        used += space.length;
        out.push("(");
        open.push(CLOSING[bracket] ?? (id === SUM ? "many" : "one"));
      } else if (rest[0] in CLOSING) {
        begin("p (");
        open.push(CLOSING[rest[0]]);
      } else if (/[\])}]/.test(rest[0])) {
        close("many");
        if (!operand || open.pop() !== rest[0]) fail(`Nothing to close at ${quoted(rest.slice(0, 9))}.`);
        operand = out.push(")") > 0;
      } else if (operator && (operand || open.at(-1) !== "one")) {
        if (operand && !/[*/^⊙]/.test(operator)) close("many");
        operand = !out.push(operator === "=" ? "==" : operator);
      } else {
        const before = /[\p{L}\d_']*$/u.exec(text.slice(0, text.length - rest.length))[0];
        const known = box.listed.map(({ math }) => shown(math)).join(", ") || "numbers";
        fail(operator ? "Write what a function is of in brackets." : `${
          quoted(before + /^[\p{L}\d_']+|^./u.exec(rest)[0])} is not known here. This box has ${known}.`);
      }
      if (open.length > DEEPEST) fail(`Brackets stand more than ${DEEPEST} deep.`);
    }
    if (operand) close("one");
    close("many");
    if (open.length) fail(open.at(-1) === "one" ? MISPLACED : `A bracket is open: ${open.at(-1)} is missing.`);
    return out.join(" ");
  }

  const SIGNS = { "*": "·", "-": "−", "<": "&lt;", ">": "&gt;", "<=": "≤", ">=": "≥", "==": "=",
    "!=": "≠", "&&": "and", "||": "or" };
  const sign = (operator) => `<mo>${SIGNS[operator] ?? operator}</mo>`;
  const row = (...parts) => `<mrow>${parts.join("")}</mrow>`;
  const fenced = (a, inside, b) => row(`<mo>${a}</mo>`, inside, `<mo>${b}</mo>`);
  const shown = (math) => `<math>${row(math)}</math>`;

  // A part of a formula: its value at a point (and an index), and how it is shown; `bare` is that
  // without brackets, for where a fraction or a power groups.
  const part = (value, math, more) => ({
    at(...place) {
      const v = value(...place);
      if ([v].flat(2).every(Number.isFinite)) return v;
      return fail(`${shown(math)} has no value`, { verdict: "novalue", point: place[0] });
    }, math, bare: math, ...more,
  });

  // A walk over jsep's tree that knows numbers, symbols, operations and calls, and nothing else.
  function walk(node, box, summed = false) {
    const next = (child) => walk(child, box, summed);
    const { type, operator = "", left, right, argument } = node;
    const name = String(type === "Identifier" ? node.name : node.callee?.name);
    if (typeof node.value === "number") return part(() => node.value, `<mn>${node.value}</mn>`, { dot: true });
    if (type === "Identifier" && name === "e") return part(() => Math.E, "<mi>e</mi>");
    if (type === "Identifier" && /^s\d+$/.test(name)) {
      const { key, math, values, indexed } = box.symbols[name.slice(1)];
      if (!indexed) return part((p) => values[p], math);
      if (!summed) fail(`${key.replace("_", "")} has an index: it belongs into sum(…).`);
      return part((p, j) => values[p][j], math);
    }
    if (type === "UnaryExpression" && operator === "+") return next(argument);
    if (type === "UnaryExpression" && operator === "-") {
      const of = next(argument);
      return part((...place) => lift((v) => -v)(of.at(...place)), sign("-") + of.math, { dot: true });
    }
    if (operator === "^" && left.type === "UnaryExpression") { // −x² is −(x²)
      return next({ ...left, argument: { ...node, left: left.argument } });
    }
    if (operator === "^" && right.name === "T") {
      const of = next(left);
      return part((p) => turn(of.at(p)), `<msup>${row(of.math)}<mo>⊤</mo></msup>`);
    }
    if (type.endsWith("Expression") && Object.hasOwn(OPERATORS, operator)) {
      const [a, b] = [next(left), next(right)];
      const [compares, beside] = [/[<>=]/.test(operator), operator === "*" && !b.dot];
      const math = operator === "/" ? `<mfrac>${row(a.bare)}${row(b.bare)}</mfrac>`
        : operator === "^" ? `<msup>${row(a.math)}${row(b.bare)}</msup>`
        : a.math + (beside ? '<mspace width="0.17em"></mspace>' : sign(operator)) + b.math;
      const value = (...place) => { // a < b < c: both hold
        if (!compares || !a.last) return operate(operator, a.at(...place), b.at(...place));
        return operate("&&", a.at(...place), operate(operator, a.last.at(...place), b.at(...place)));
      };
      return part(value, math, { dot: a.dot && /[*^]/.test(operator),
        last: compares ? b : undefined, condition: compares || /[&|]/.test(operator) });
    }
    const f = NAMES[/^f\d+$/.test(name) ? name.slice(1) : NaN];
    const of = (node.arguments ?? []).map((each) => walk(each, box, summed || f === "sum"));
    const all = of.map(({ math }) => math).join("<mo>,</mo>");
    const inside = fenced("(", all, ")");
    if (name === "p" && of.length === 1) {
      return of[0].condition ? part(of[0].at, fenced("[", all, "]")) : part(of[0].at, inside, { bare: all });
    }
    if (!f || /^m/.test(f) !== of.length > 1) fail(f ? `${f} of what?` : MISPLACED);
    const head = f === "sum" ? `<munder>${sign("∑")}<mi>j</mi></munder>` : `<mi>${f.replace("'", "′")}</mi>`;
    return part(f === "sum" ? (p) => box.range.reduce((total, j) => total + of[0].at(p, j), 0)
      : (...place) => lift(FUNCTIONS[f])(...of.map(({ at }) => at(...place))), head + inside);
  }

  function read(text, box) {
    if (text.length > LONGEST) fail(`It is longer than ${LONGEST} characters.`);
    const s = plain(text);
    let [depth, start] = [0, 0]; // `start`: behind a left side that was typed along
    for (const { 0: c, index } of s.matchAll(/[([{]|[)\]}]|(?<![<>=!])=(?!=)/g)) {
      if (c !== "=") depth += "([{".includes(c) ? 1 : -1;
      else if (depth === 0) start = index + 1;
    }
    if (!s.slice(start).trim()) fail("There is nothing to read.");
    const source = lex(s.slice(start), box);
    let tree;
    try { tree = jsep(source); } catch { fail(MISPLACED); }
    const formula = walk(tree, box);
    if (formula.condition) fail("A condition counts as 1 or 0 in square brackets: [a &gt; b].");
    return formula;
  }
  const short = (v) => (isList(v) ? `(${v.map(short).join(", ")})` : v.toPrecision ? String(Number(v.toPrecision(4))).replace("-", "−") : "");
  const place = ({ listed }, p) => listed.filter(({ values }) => !isList(values[p]?.[0])).map(
    ({ math, values }) => shown(`${math}<mo>=</mo><mn>${short(values[p])}</mn>`)).join(", ");

  function judge(formula, text, { right, difference, symbols, digits, salt, ...box }) {
    const [points, formulas] = [[...right.keys()], symbols.length > 0]; // a formula is asked, or a number
    const values = points.map((p) => formula.at(p));
    const least = (t) => (formulas ? 1e-9 * (1 + Math.abs(t)) : 0.5001 * 10 ** -digits);
    const near = (v, t, p) => (isList(t) ? shape(v) === shape(t) && t.flat().every((x, n) => near(v.flat()[n], x, p))
      : salt ? meets(v, t, `${salt} ${p}`, formulas ? null : digits) : Math.abs(v - t) <= least(t));
    const same = ({ values: target }) => points.every((p) => near(values[p], target[p], p));
    if (same({ values: right })) return { verdict: "right", lines: ["Right."] };
    const wrong = points.filter((p) => !near(values[p], right[p], p));
    const between = (p) => (salt ? near(values[p], box.atKink[p], p) : (values[p] - right[p]) * (values[p] - box.atKink[p]) <= 0);
    const convention = box.conventions.find(same)
      ?? (wrong.every((p) => difference[p] === null && between(p)) && box.conventions.at(-1));
    if (convention) return { verdict: "convention", name: convention.name, lines: [convention.told] };
    const made = box.mistakes.find(same);
    const result = { verdict: made ? "mistake" : "wrong", name: made?.name };
    if (!formulas) {
      const given = /[.,](\d+)\s*$/.exec(text)?.[1].length; // decimals as typed: 0.50 has two
      const cut = given < digits && (salt ? box.cut[given - 1] === hash(`${salt} ${values}`) : +right[0].toFixed(given) === values[0]);
      if (cut) return { verdict: "short", lines: ["Right so far: give more decimals."] };
      return { ...result, lines: [made ? "Not quite." : "Not this number.", made?.told] };
    }
    // Evidence: a condition under which all is right, and the first point of the others.
    const held = box.where.find(({ at }) => wrong.every((p) => !at[p]));
    const p = wrong.find((q) => difference[q] !== null) ?? wrong[0];
    const [due, got] = [difference[p] ?? right[p], values[p]].map((v) => (isList(v) ? shape(v) : short(v)));
    const apart = due === got ? "The shape fits, the numbers do not." : `This is ${got}. It should be ${due}.`;
    if (isList(right[p])) return { ...result, lines: [apart] };
    const where = held ? `Right ${held.yes}. Look ${held.no}` : "Wrong at this point";
    const asked = difference[p] === null ? "on this kink it is" : box.asked;
    return { ...result, lines: [`${where}: ${place(box, p)}. Your formula gives ${got}${due && `; ${asked} ${due}`}.`,
      made?.kind ?? held?.kind, made?.told] };
  }

  window.answerBox = (form) => { // the practice page puts in others
    const find = (selector) => form.querySelector(selector);
    const [input, output, reading, solution] = ["input", "output", ".reading", "details.solution"].map(find);
    const [hints, tries] = [[...form.querySelectorAll("details.hint")], new Set()];
    const box = JSON.parse(find("script").textContent);
    box.words = vocabulary(box.words);
    box.listed = box.symbols.filter(({ of }) => !of); // and not z_1 where z_j is
    box.range = [...(box.symbols.find(({ indexed }) => indexed)?.values[0] ?? []).keys()];
    find(".entry").hidden = false;
    hints.forEach((hint) => { hint.hidden = true; });

    const attempt = (use) => {
      try { return use(read(input.value, box)); } catch ({ verdict, message, point, stack }) {
        if (!verdict) throw Error(stack);
        const where = box.symbols.length && verdict === "novalue" ? ` at ${place(box, point)}.` : "";
        return { verdict, lines: [message + where] };
      }
    };
    input.addEventListener("input", () => {
      const { math, lines } = attempt((formula) => formula);
      reading.innerHTML = math ? `Read as ${shown(math)}` : input.value.trim() && lines[0];
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { verdict, name = "", lines } = attempt((formula) => judge(formula, input.value, box));
      const failed = /mistake|wrong|novalue/.test(verdict);
      if (failed) tries.add(input.value.replace(/\s/g, ""));
      if (verdict === "unreadable") [reading.textContent, lines[0]] = ["", `${lines[0]} This does not count as a try.`];
      const said = failed && box.symbols.length ? lines.slice(0, tries.size) : lines;
      if (failed && solution && tries.size > hints.length + 1) said.push(`<a href="#${solution.id}">Read the solution.</a>`);
      output.innerHTML = said.filter(Boolean).map((line) => `<p>${line}</p>`).join("");
      Object.assign(output.dataset, { verdict, name });
      hints.slice(0, Math.max(tries.size - 1, 0)).forEach((hint) => { hint.open ||= hint.hidden; hint.hidden = false; });
    });
    output.addEventListener("click", ({ target }) => { if (target.closest("a")) solution.open = true; });
    find(".symbols")?.addEventListener("pointerdown", (event) => event.preventDefault()); // the caret stays
    find(".symbols")?.addEventListener("click", ({ target }) => {
      const [before, after = ""] = target.closest("button")?.dataset.insert.split("|") ?? [""];
      input.setRangeText(`${before}${after || " "}`, input.selectionStart, input.selectionEnd, "end");
      input.selectionEnd = input.selectionStart -= after.length;
      input.dispatchEvent(new Event("input"));
    });
  };
  document.querySelectorAll("form.answer").forEach(window.answerBox);
});
