(() => {
  "use strict";
  const number = (text) => {
    const found = text.replace(/\u2212/g, "-").match(/[-+]?\d+(?:\.\d+)?/);
    if (!found) return NaN;
    const value = parseFloat(found[0]);
    return /^\s*</.test(text) ? value - 1e-9 : /^\s*>/.test(text) ? value + 1e-9 : value;
  };
  const words = new Intl.Collator("en", { numeric: true });

  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const original = [...body.rows];
    if (original.length < 2) return;
    const key = (row, at) => {
      const text = row.cells[at].firstChild ? row.cells[at].firstChild.textContent.trim() : "";
      return heads[at].classList.contains("number") ? number(text) : text;
    };
    const sort = (at) => {
      const before = heads[at].getAttribute("aria-sort");
      const now = before === null ? "ascending" : before === "ascending" ? "descending" : null;
      heads.forEach((head) => head.removeAttribute("aria-sort"));
      const rows = [...original];
      if (now) {
        heads[at].setAttribute("aria-sort", now);
        const way = now === "ascending" ? 1 : -1;
        const empty = (value) => value === "" || value === "\u2013" || Number.isNaN(value);
        rows.sort((a, b) => {
          const [x, y] = [key(a, at), key(b, at)];
          if (empty(x) || empty(y)) return empty(x) - empty(y);
          return way * (typeof x === "number" ? x - y : words.compare(x, y));
        });
      }
      rows.forEach((row, i) => {
        const [one, other] = [row.cells[0], i ? rows[i - 1].cells[0] : null];
        const first = !other || (one.tagName === "TH" && one.textContent !== other.textContent);
        row.classList.toggle("first", first);
        body.append(row);
      });
    };
    heads.forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.setAttribute("aria-label", "Sort by " + head.textContent.trim());
      button.addEventListener("click", () => sort(at));
      // The last word and the button stay on one line.
      const end = head.lastChild;
      const kept = document.createElement("span");
      kept.className = "kept-together";
      const text = end.nodeType === Node.TEXT_NODE;
      kept.append(text ? end.splitText(end.data.trimEnd().lastIndexOf(" ") + 1) : end);
      kept.append("\u00a0", button);
      head.append(kept);
    });
  };
  document.querySelectorAll("figure.table table").forEach(sortable);

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  let shown = null;
  const show = (term) => {
    const meaning = document.getElementById(term.getAttribute("aria-describedby"));
    if (!meaning) return;
    shown = term;
    tip.textContent = meaning.textContent;
    tip.hidden = false;
    const at = term.getBoundingClientRect();
    const wide = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(at.left, wide - tip.offsetWidth - 8));
    const above = at.bottom + tip.offsetHeight + 12 > window.innerHeight;
    tip.style.left = left + "px";
    tip.style.top = (above ? Math.max(8, at.top - tip.offsetHeight - 6) : at.bottom + 6) + "px";
  };
  const hide = () => { shown = null; tip.hidden = true; };
  document.querySelectorAll("a.term").forEach((term) => {
    term.addEventListener("mouseenter", () => show(term));
    term.addEventListener("focus", () => show(term));
    term.addEventListener("mouseleave", hide);
    term.addEventListener("blur", hide);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  const contents = document.querySelector("nav details");
  const here = contents.querySelector(".here");
  const narrow = window.matchMedia("(max-width: 71.99rem)");
  const fit = () => { contents.open = !narrow.matches; };
  fit();
  narrow.addEventListener("change", fit);
  const links = [...contents.querySelectorAll("a")];
  links.forEach((link) => link.addEventListener("click", () => {
    if (narrow.matches) contents.open = false;
  }));
  const targets = links.map((link) => document.getElementById(link.hash.slice(1)));
  let current = null;
  const follow = () => {
    let at = 0;
    targets.forEach((target, i) => {
      if (target.getBoundingClientRect().top < 0.3 * window.innerHeight) at = i;
    });
    const end = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
    if (end && window.scrollY > 0) at = links.length - 1;
    if (links[at] === current) return;
    if (current) current.removeAttribute("aria-current");
    current = links[at];
    current.setAttribute("aria-current", "location");
    here.textContent = current.textContent;
    if (!narrow.matches) {
      const nav = document.querySelector("nav");
      nav.scrollTop = Math.max(0, current.offsetTop - nav.clientHeight / 2);
    }
  };
  let waiting = false;
  window.addEventListener("scroll", () => {
    if (shown && shown === document.activeElement) show(shown);
    else hide();
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; follow(); });
  }, { passive: true });
  follow();

  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("main details").forEach((fold) => { fold.open = true; });
  });
})();
