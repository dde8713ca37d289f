"""The parts of the report that are the same for every image: its style, and what makes it sort and search."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6776; --line: #dbe1e8; --paper: #fbfcfd;
  --card: #ffffff; --accent: #1c6e8c; --mark: #fff2c4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e9f0; --soft: #97a5b5; --line: #303b48;
  --paper: #12181f;
  --card: #1a222c; --accent: #6cc3e0; --mark: #4d4318; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font: 15px/1.5 system-ui, "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 28px 24px 80px; }
h1 { font-size: 28px; font-weight: 650; letter-spacing: -0.01em; margin: 0 0 2px; }
h2 { font-size: 19px; font-weight: 620; margin: 44px 0 12px; }
h2 small { color: var(--soft); font-weight: 400; font-size: 14px; margin-left: 6px; }
.sub { color: var(--soft); margin: 0 0 20px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 18px 0 8px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.card b { display: block; font-size: 23px; font-weight: 620; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: 13px; }
.sub code { font-size: 12.5px; overflow-wrap: anywhere; }
nav { position: sticky; top: 0; z-index: 2; background: var(--paper); padding: 10px 0; margin: 8px 0 0;
  border-bottom: 1px solid var(--line); display: flex; gap: 10px 18px; align-items: center; }
.links { display: flex; gap: 16px; overflow-x: auto; white-space: nowrap; }
nav a { color: var(--accent); text-decoration: none; }
nav a:hover { text-decoration: underline; }
nav input { margin-left: auto; flex: 0 1 300px; min-width: 0; padding: 7px 12px;
  border: 1px solid var(--line); border-radius: 8px; background: var(--card); color: inherit;
  font: inherit; }
section { scroll-margin-top: 56px; }
.map { overflow-x: auto; border-radius: 10px; }
.map svg { width: 100%; min-width: 760px; height: auto; display: block; background: var(--line); }
svg text { fill: #ffffff; font: 11px system-ui, "Noto Sans", "DejaVu Sans", sans-serif;
  pointer-events: none; }
.k0 { --kind: #2d6a9a; }
.k1 { --kind: #2c7a68; }
.k2 { --kind: #67589b; }
.k3 { --kind: #8b5a3c; }
.k4 { --kind: #b34a1f; }
.k5 { --kind: #586473; }
.whole { fill: var(--kind); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; padding: 0; margin: 10px 0 0;
  font-size: 13.5px; }
.legend small { color: var(--soft); }
.key { display: inline-block; width: 12px; height: 12px; margin-right: 6px; border-radius: 3px;
  vertical-align: -1px; background: var(--kind); }
svg text.head { font-weight: 600; font-size: 12px; }
.map rect { stroke: var(--paper); stroke-width: 1.2; }
.map rect.part { stroke: rgb(255 255 255 / 0.22); stroke-width: 0.4; fill: rgb(255 255 255 / 0.1); }
.map rect.part:hover { fill: rgb(255 255 255 / 0.28); }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 6px 14px; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; color: var(--soft); font-weight: 560; white-space: nowrap; }
th.sorts { cursor: pointer; user-select: none; }
th.sorts:hover { color: var(--ink); }
th[aria-sort=ascending]::after { content: " \\2191"; }
th[aria-sort=descending]::after { content: " \\2193"; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 12.5px;
  overflow-wrap: break-word; }
td small { color: var(--soft); }
td.named { min-width: 200px; }
td.named small { display: inline-block; line-height: 1.35; }
td.long { min-width: 220px; line-height: 1.35; }
td.long small { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
tr:hover td.long small { -webkit-line-clamp: none; }
td.digest code { display: block; max-width: 15ch; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; font: 12.5px/1.7 ui-monospace, "DejaVu Sans Mono", monospace; }
tr:hover td.digest code { white-space: normal; overflow-wrap: anywhere; }
tbody tr:hover { background: color-mix(in srgb, var(--accent) 7%, transparent); }
.bar { display: block; height: 3px; margin-top: 3px; background: var(--accent); border-radius: 2px;
  margin-left: auto; }
.state { padding: 1px 8px; border-radius: 20px; font-size: 12.5px; background: var(--line);
  white-space: nowrap; }
.state.enabled { background: #1d7a4d; color: #ffffff; }
.state.masked { background: #7a2f2f; color: #ffffff; }
.none { color: var(--soft); padding: 12px 16px; margin: 0; }
mark { background: var(--mark); color: inherit; }
footer { color: var(--soft); font-size: 13px; margin-top: 48px; }
@media (max-width: 640px) {
  main { padding: 18px 14px 60px; }
  h1 { font-size: 22px; overflow-wrap: anywhere; }
  .cards { grid-template-columns: repeat(3, 1fr); gap: 8px; }
  .card { padding: 8px 10px; }
  .card b { font-size: 17px; }
  nav { flex-direction: column-reverse; align-items: stretch; }
  nav input { margin: 0; flex: none; }
  th, td { padding: 6px 10px; }
  section { scroll-margin-top: 100px; }
}
@media print {
  nav { display: none; }
  .scroll, .map { overflow: visible; }
  td.long small { -webkit-line-clamp: none; }
  td.digest code { white-space: normal; overflow-wrap: anywhere; }
}
"""

SCRIPT = """
const numbers = new Intl.Collator("en", {numeric: true});
for (const head of document.querySelectorAll("th")) {
  head.classList.add("sorts");
  head.tabIndex = 0;
  const sort = () => {
    const table = head.closest("table"), body = table.tBodies[0], column = head.cellIndex;
    const down = head.getAttribute("aria-sort") === "ascending" ||
      (head.classList.contains("number") && !head.hasAttribute("aria-sort"));
    for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = row => row.cells[column].dataset.key ?? row.cells[column].textContent.trim();
    const rows = [...body.rows].sort((one, other) => numbers.compare(key(one), key(other)));
    body.append(...(down ? rows.reverse() : rows));
  };
  head.addEventListener("click", sort);
  head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
}
const search = document.createElement("input");
search.type = "search";
search.placeholder = "Search all tables";
search.setAttribute("aria-label", "Search all tables");
document.querySelector("nav").append(search);
search.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  for (const table of document.querySelectorAll("table")) {
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
      shown += !row.hidden;
    }
    const count = table.closest("section").querySelector("h2 small");
    count.textContent = words.length ? `${shown} of ${table.tBodies[0].rows.length}` : count.dataset.all;
  }
});
"""
