// The search: every section that has all the words, chapters before reference, equals in the order
// of the book. Its index is a script, since a page opened from a folder may fetch nothing.
addEventListener("DOMContentLoaded", () => {
  const query = new URLSearchParams(location.search).get("q")?.trim();
  if (!query) return;
  document.querySelectorAll('input[name="q"]').forEach((input) => (input.value = query));
  const words = query.toLowerCase().split(/[\s()]+/).filter(Boolean);
  localStorage.setItem("sphinx_highlight_terms", words.join(" "));

  const score = ([page, title, , heading, text]) => {
    const all = `${title} ${heading} ${text}`.toLowerCase();
    if (!words.every((word) => all.includes(word))) return 0;
    // An equation is found on its own page: (2.1.9) on 2.1.
    const points = words.map((word) =>
      40 * word.startsWith(`${title.split(" ")[0]}.`) + 20 * title.toLowerCase().includes(word)
      + 10 * heading.toLowerCase().includes(word)
      + (/\d/.test(word) ? 0 : Math.min(all.split(word).length, 4)));
    const reference = /\/(api|ledger|bibliography|errata|notation)/.test(page);
    return 1000 * !reference + points.reduce((a, b) => a + b);
  };

  const snippet = (text) => {
    const at = Math.max(0, text.toLowerCase().indexOf(words[0]));
    const start = at < 90 ? 0 : text.indexOf(" ", at - 80) + 1;
    const part = `${text} `.slice(start, start + 220).replace(/\s\S*$/, "");
    const line = document.createElement("p");
    const pattern = words.map((word) => word.replace(/[^\p{L}\p{N}]/gu, "\\$&")).join("|");
    line.append(start ? "… " : "");
    for (const [k, piece] of part.split(RegExp(`(${pattern})`, "i")).entries()) {
      const mark = document.createElement("mark");
      mark.append(piece);
      line.append(k % 2 ? mark : piece);
    }
    line.append(" …");
    return line;
  };

  const found = BOOK.map((section) => [score(section), section]).filter(([points]) => points);
  found.sort(([a, [, one]], [b, [, other]]) => b - a || one.localeCompare(other));
  const list = document.createElement("ul");
  list.className = "search";
  for (const [, [page, title, id, heading, text]] of found.slice(0, 40)) {
    const [item, link] = [document.createElement("li"), document.createElement("a")];
    link.href = `${page}.html#${id}`;
    link.append(heading === title ? title : `${title}: ${heading}`);
    item.append(link, snippet(text));
    list.append(item);
  }
  const head = document.createElement("p");
  head.setAttribute("role", "status");
  head.append(`${found.length} ${found.length === 1 ? "section" : "sections"} with “${query}”`);
  document.getElementById("search-results").append(head, list);
});
