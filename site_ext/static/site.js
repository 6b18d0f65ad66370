// The rest of a page after its first screen; equations: a reference shows its equation, a copied
// formula gives its LaTeX; what is wider than the window can be scrolled with the keyboard.
addEventListener("load", () => setTimeout(() => {
  // What lies below the first screen was left out until that was painted: see book.css.
  document.documentElement.classList.remove("first-screen");

  const latex = (math) => math.querySelector("annotation").textContent;

  // A reference to an equation shows it, on hover and on focus, until Escape is pressed.
  const tip = document.createElement("div");
  Object.assign(tip, { id: "equation-preview", popover: "manual" });
  tip.setAttribute("role", "tooltip");
  document.body.append(tip);
  let timer = 0;
  let shown = null;

  const equationOf = (link) => {
    const label = decodeURIComponent(link.hash).replace("#equation-", "");
    const here = document.getElementById(`equation-${label}`)?.querySelector("math");
    return here ?? document.getElementById(`preview-${label}`)?.content.querySelector("math");
  };

  const hide = () => {
    clearTimeout(timer);
    shown?.removeAttribute("aria-describedby");
    shown = null;
    tip.hidePopover();
  };

  const show = (link) => {
    const math = equationOf(link);
    if (!math || link === shown) return;
    hide();
    shown = link;
    tip.replaceChildren(math.cloneNode(true));
    link.setAttribute("aria-describedby", tip.id);
    tip.showPopover();
    const box = link.getBoundingClientRect();
    const left = Math.min(box.left, innerWidth - tip.offsetWidth - 8);
    const below = box.bottom + tip.offsetHeight + 8 < innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${below ? box.bottom + 4 : box.top - tip.offsetHeight - 4}px`;
  };

  const later = (action) => {
    clearTimeout(timer);
    timer = setTimeout(action, 150);
  };

  for (const link of document.querySelectorAll('a[href*="#equation-eq-"]:not(.headerlink)')) {
    link.addEventListener("pointerenter", () => later(() => show(link)));
    link.addEventListener("pointerleave", () => later(hide));
    link.addEventListener("focus", () => show(link));
    link.addEventListener("blur", hide);
  }
  tip.addEventListener("pointerenter", () => clearTimeout(timer));
  tip.addEventListener("pointerleave", () => later(hide));
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
  addEventListener("scroll", () => shown && hide(), { passive: true });

  // Copied text has the LaTeX of its formulas, in dollars as the book's sources write it.
  document.addEventListener("copy", (event) => {
    const selection = getSelection();
    const part = selection.rangeCount ? selection.getRangeAt(0).cloneContents() : null;
    if (!part?.querySelector("annotation")) return;
    for (const math of part.querySelectorAll("math:has(annotation)")) {
      const dollars = math.getAttribute("display") === "block" ? "$$" : "$";
      math.replaceWith(dollars + latex(math) + dollars);
    }
    event.clipboardData.setData("text/plain", part.textContent);
    event.preventDefault();
  });

  // A button beside each numbered equation copies its LaTeX.
  for (const number of document.querySelectorAll("div.math > .eqno")) {
    const button = document.createElement("button");
    Object.assign(button, { className: "copy-latex", textContent: "TeX" });
    button.ariaLabel = `Copy the LaTeX of equation ${number.firstChild.textContent.trim()}`;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(latex(number.parentElement.querySelector("math")));
      button.textContent = "copied";
      button.classList.add("done");
      setTimeout(() => (button.textContent = "TeX"), 1500);
    });
    number.append(button);
  }

  // What is wider than its place can be focused, so that the arrow keys scroll it.
  const wide = document.querySelectorAll(
    "div.math > .formula, .frame, .long, article :is(table, td, pre)");
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const scrolls = target.scrollWidth > target.clientWidth;
      if (scrolls) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  document.fonts.ready.then(() => wide.forEach((element) => watch.observe(element)));
}));
