// The practice page: a topic is an answer box whose numbers change. Python has made the templates and
// the numbers, which stand in the page; here they are put together, and what one has done is kept.
addEventListener("DOMContentLoaded", () => {
  const MASTERED = 3; // right at the first try so many times in a row
  const PLACE = /\{(\(?)(\w+)\)?\}/g;
  const fill = (template, values) => template.replace(PLACE, (place, open, name) => {
    if (!(name in values)) return place;
    const text = values[name].replace(/^-/, "−");
    return open && text[0] === "−" ? `(${text})` : text;
  });

  // What is kept of each topic, in this browser alone; a page from a folder may not be allowed to.
  let [kept, keeps] = [{}, true];
  const store = (use) => { try { return use(localStorage); } catch { keeps = false; return null; } };
  const save = () => store((storage) => storage.setItem("practice", JSON.stringify(kept)));
  const load = () => {
    const read = store((storage) => storage.getItem("practice"));
    try { kept = Object(JSON.parse(read)); } catch { kept = {}; }
  };

  const topics = [...document.querySelectorAll(".practice")].map((root) => ({
    root, name: root.dataset.topic, section: root.closest("section"), form: root.querySelector("form"),
    data: JSON.parse(root.querySelector("script.instances").textContent),
    link: document.querySelector(`.topics a[href="#topic-${root.dataset.topic}"]`),
  }));
  const of = ({ name }) => {
    if (!(kept[name]?.at >= 0 && kept[name].row >= 0)) kept[name] = { at: 0, row: 0, mastered: false };
    return kept[name];
  };

  function tell(topic) {
    const { row, mastered } = of(topic);
    const state = mastered ? "mastered" : row ? `${row} of ${MASTERED}` : "";
    topic.mark.textContent = state && ` (${state})`;
    topic.status.textContent = `In a row: ${row}.${mastered ? " You have mastered this topic." : ""}`;
  }

  function show(topic) {
    const { asks, digits, inside, instances, names, told } = topic.data;
    const [ask, numbers, right, made, other, hashes] = instances[of(topic).at % instances.length];
    const values = numbers.split(" ");
    const [mistakes, conventions] = [made, other].map((kind) => kind.map(
      ([n, value]) => ({ name: told[n][0], told: told[n][1], values: [value] })));
    const box = { symbols: [], words: [], right: [right], difference: [], where: [], digits, mistakes, conventions, ...hashes };
    const form = topic.form.cloneNode(); // without the listeners of the last one
    form.innerHTML = fill(fill(inside, asks[ask]), {
      ...Object.fromEntries(names.map((name, n) => [name, values[n]])),
      label: form.dataset.answer, data: JSON.stringify(box).replaceAll("<", "\\u003c"),
    });
    topic.form.replaceWith(form);
    Object.assign(topic, { form, missed: false, done: false });
    window.answerBox(form);
    const input = form.querySelector("input");
    input.setAttribute("aria-describedby", `${form.id}-ask ${input.getAttribute("aria-describedby")}`);
    tell(topic);
  }

  function miss(topic) {
    if (topic.done || topic.missed) return;
    topic.missed = true;
    of(topic).row = 0;
    save();
    tell(topic);
  }

  function judge(topic) {
    const output = topic.form.querySelector("output");
    if (/mistake|wrong/.test(output.dataset.verdict) && !/^Right/.test(output.textContent)) miss(topic);
    if (output.dataset.verdict !== "right" || topic.done) return;
    const state = of(topic);
    topic.done = true;
    if (!topic.missed) state.row += 1;
    state.mastered ||= state.row >= MASTERED;
    state.at += 1; // a page that is loaded again has other numbers
    save();
    tell(topic);
    topic.next.focus();
  }

  function begin(topic) {
    const { root } = topic;
    root.classList.add("live");
    topic.form.insertAdjacentHTML("afterend",
      '<div class="next"><button type="button">New numbers</button><p role="status"></p></div>');
    [topic.next, topic.status] = root.querySelector(".next").children;
    topic.mark = topic.link.appendChild(document.createElement("span"));
    root.addEventListener("submit", () => judge(topic)); // the box has judged before
    root.addEventListener("toggle", ({ target }) => {
      if (target.matches(".solution[open]")) miss(topic);
    }, true);
    topic.next.addEventListener("click", ({ detail }) => {
      if (!topic.done) of(topic).at += 1;
      save();
      show(topic);
      // A finger gets the picture, not a keyboard over it.
      topic.form.querySelector(detail ? ".admonition-title" : "input").focus({ preventScroll: true });
      topic.form.scrollIntoView({ block: "nearest" });
    });
    show(topic);
  }

  function choose() { // the topic of the address, else the last one
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const asked = topics.find(({ section }) => target && section.contains(target));
    const chosen = asked ?? topics.find(({ name }) => name === kept.topic) ?? topics[0];
    if (target && !asked && topics.some(({ section }) => !section.hidden)) return;
    for (const topic of topics) {
      topic.section.hidden = topic !== chosen;
      if (topic === chosen) topic.link.setAttribute("aria-current", "true");
      else topic.link.removeAttribute("aria-current");
    }
    if (kept.topic !== chosen.name) {
      kept.topic = chosen.name;
      save();
    }
    if (asked) asked.section.scrollIntoView();
  }

  load();
  topics.forEach(begin);
  document.getElementById("your-progress").insertAdjacentHTML("beforeend",
    '<div class="next"><button type="button">Clear my progress</button><p role="status"></p></div>');
  const [clear, said] = document.querySelector("#your-progress .next").children;
  clear.addEventListener("click", () => {
    kept = { topic: kept.topic };
    topics.forEach(show);
    store((storage) => storage.removeItem("practice"));
    said.textContent = "Cleared.";
  });
  addEventListener("hashchange", choose);
  choose();
  if (!keeps) said.textContent = "This browser keeps nothing for this page: your progress ends when you leave it.";
});
