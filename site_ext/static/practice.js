// The practice page: a topic is an answer box whose numbers change. Python has made the templates and
// the numbers, which stand in the page; here they are put together, and what one has done is kept.
addEventListener("DOMContentLoaded", () => {
  const MASTERED = 3; // right at the first try so many times in a row
  const ROW = '<div class="next"><button type="button"></button><p role="status"></p></div>';
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
  const read = store((storage) => storage.getItem("practice"));
  try { kept = Object(JSON.parse(read)); } catch { /* nothing that this page has written */ }
  const of = ({ name }) => {
    if (!(kept[name]?.at >= 0 && kept[name].row >= 0)) kept[name] = { at: 0, row: 0, missed: false, mastered: false };
    return kept[name];
  };

  function row(place, where, words) { // a button, and beside it what is said to screen readers, too
    place.insertAdjacentHTML(where, ROW);
    const [button, status] = (where === "afterend" ? place.nextSibling : place.lastChild).children;
    button.textContent = words;
    return [button, status];
  }

  const topics = [...document.querySelectorAll(".practice")].map((root) => ({
    root, name: root.dataset.topic, section: root.closest("section"), form: root.querySelector("form"),
    data: JSON.parse(root.querySelector("script.instances").textContent),
    link: document.querySelector(`.topics a[href="#topic-${root.dataset.topic}"]`),
  }));

  function tell(topic, change = {}) {
    const state = Object.assign(of(topic), change);
    topic.mark.textContent = state.mastered ? " (mastered)" : state.row ? ` (${state.row} of ${MASTERED})` : "";
    topic.status.textContent = `Streak: ${state.row} of ${MASTERED}.${state.mastered ? " You have mastered this topic. " : ""}`;
    const next = topics[topics.indexOf(topic) + 1]?.link;
    if (state.mastered && next) topic.status.insertAdjacentHTML("beforeend", `Next: <a href="${next.hash}">${next.firstChild.textContent}</a>`);
    overall.textContent = `${topics.filter((each) => of(each).mastered).length} of ${topics.length} topics mastered.${
      keeps ? "" : " This browser keeps nothing for this page: your progress ends when you leave it."}`;
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
    Object.assign(topic, { form, done: false });
    window.answerBox(form);
    form.querySelector(".hint").hidden = false; // here one may ask for it
    const input = form.querySelector("input");
    input.setAttribute("aria-describedby", `${form.id}-ask ${input.getAttribute("aria-describedby")}`);
    tell(topic);
  }

  function miss(topic) {
    if (topic.done) return;
    tell(topic, { row: 0, missed: true }); // and after the page is loaded again it is so still
    save();
  }

  function judge(topic) {
    const { verdict } = topic.form.querySelector("output").dataset;
    if (/mistake|wrong/.test(verdict)) miss(topic);
    if (verdict !== "right" || topic.done) return;
    const state = of(topic);
    topic.done = true;
    const row = state.row + !state.missed;
    // A page that is loaded again has other numbers.
    tell(topic, { row, mastered: state.mastered || row >= MASTERED, at: state.at + 1, missed: false });
    save();
    topic.next.focus();
  }

  function begin(topic) {
    topic.root.classList.add("live");
    [topic.next, topic.status] = row(topic.form, "afterend", "New numbers");
    topic.mark = topic.link.appendChild(document.createElement("span"));
    topic.root.addEventListener("submit", () => judge(topic)); // the box has judged before
    topic.root.addEventListener("toggle", ({ target }) => target.matches(".solution[open]") && miss(topic), true);
    topic.next.addEventListener("click", ({ detail }) => {
      if (!topic.done) Object.assign(of(topic), { at: of(topic).at + 1, missed: false });
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
    for (const topic of topics) {
      topic.section.hidden = topic !== chosen;
      topic.link.ariaCurrent = topic === chosen ? "true" : null;
    }
    if (kept.topic !== chosen.name) {
      kept.topic = chosen.name;
      save();
    }
    asked?.section.scrollIntoView();
  }

  const [clear, overall] = row(document.getElementById("your-progress"), "beforeend", "Clear my progress");
  topics.forEach(begin);
  clear.addEventListener("click", () => {
    kept = { topic: kept.topic };
    topics.forEach(show);
    store((storage) => storage.removeItem("practice"));
  });
  addEventListener("hashchange", choose);
  choose();
});
