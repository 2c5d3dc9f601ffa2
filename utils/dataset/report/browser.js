// The list of rows: filters, pages, keys, and the address that keeps them.

const byId = (id) => document.getElementById(id);
const embedded = (id) => JSON.parse(byId(id).textContent);
const FACTS = embedded("facts");
const TEXTS = embedded("texts");
const ROWS = embedded("data");
const PAGE = 50;
const FILTERS = ["q", "outcome", "db", "tier", "difficulty", "operator"];
const dialog = byId("row");

const places = new Map();
ROWS.forEach((row, index) => {
  const name = row.id || row.source || `row ${row.number}`;
  row.key = places.has(name) ? `${name}@${row.number}` : name;
  places.set(row.key, index);
});

let state = readAddress();
let found = [];
let firstShown = 0;
let current = 0; // place in `found` of the row that the keys move from

function readAddress() {
  const values = new URLSearchParams(location.hash.slice(1));
  const read = { row: values.get("row") || "" };
  for (const name of FILTERS) read[name] = values.get(name) || "";
  return read;
}

function address(changes = {}) {
  const values = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...state, ...changes })) if (value && name !== "row") values.set(name, value);
  const row = "row" in changes ? changes.row : state.row;
  if (row) values.set("row", row);
  return `#${values}`;
}

function keepAddress() {
  const kept = address();
  try {
    history.replaceState(null, "", kept === "#" ? location.pathname + location.search : kept);
  } catch {
    // a browser refuses when it is asked too often; the next change writes it
  }
}

// Searching

function searched(row) {
  row.text ??= [row.key, row.db, row.question, row.target, row.outcome, row.detail].join("\n").toLowerCase();
  return row.text;
}

function prepareSearch(from = 0) {
  ROWS.slice(from, from + 500).forEach(searched);
  if (from + 500 < ROWS.length) setTimeout(prepareSearch, 0, from + 500);
}

function matches(row, words) {
  const written = FACTS.sides.includes(row.outcome);
  if (state.outcome === "*written" ? !written : state.outcome === "*left-out" ? written : state.outcome && row.outcome !== state.outcome) return false;
  if ((state.db && row.db !== state.db) || (state.tier && row.tier !== state.tier)) return false;
  if (state.difficulty && row.difficulty !== state.difficulty) return false;
  if (state.operator && !(row.operators || []).includes(state.operator)) return false;
  return words.every((word) => searched(row).includes(word));
}

function find() {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  found = [];
  ROWS.forEach((row, index) => matches(row, words) && found.push(index));
  firstShown = 0;
  current = 0;
  byId("clear").hidden = !FILTERS.some((name) => state[name]);
  const rows = found.length === 1 ? "row" : "rows";
  byId("count").textContent = found.length === ROWS.length ? `${count(found.length)} ${rows}` : `${count(found.length)} of ${count(ROWS.length)} rows`;
  showList();
}

// The list

function listItem(index, place) {
  const row = ROWS[index];
  const facts = [row.db, row.tier, row.difficulty].filter(Boolean).map(visible).join(" · ");
  const link = element("a", { href: address({ row: row.key }), tabIndex: place === current ? 0 : -1 },
    element("span", { className: "head" }, badge(row), element("span", { className: "id", textContent: visible(row.key) }), element("span", { className: "muted", textContent: facts })),
    element("span", { className: "question", dir: "auto", textContent: visible((row.question || row.detail || "").slice(0, 300)) }));
  link.dataset.place = place;
  return element("li", {}, link);
}

function showList() {
  const shown = found.slice(firstShown, firstShown + PAGE);
  const list = byId("list");
  list.replaceChildren(...shown.map((index, offset) => listItem(index, firstShown + offset)));
  list.start = firstShown + 1;
  const pages = Math.ceil(found.length / PAGE);
  const page = firstShown / PAGE + 1;
  byId("pages").hidden = pages < 2;
  byId("page").textContent = `Page ${count(page)} of ${count(pages)}`;
  byId("back").disabled = page === 1;
  byId("forth").disabled = page === pages;
}

// Make the row at `place` of those found the current one, turning the page where needed.
function moveTo(place, focus = true) {
  if (!found.length) return;
  current = Math.min(Math.max(place, 0), found.length - 1);
  const first = current - (current % PAGE);
  if (first !== firstShown) {
    firstShown = first;
    showList();
  }
  for (const link of byId("list").querySelectorAll("a")) link.tabIndex = Number(link.dataset.place) === current ? 0 : -1;
  if (focus) currentLink().focus();
}

const currentLink = () => byId("list").querySelector('a[tabindex="0"]');

function turnPage(pages) {
  moveTo(Math.min(firstShown + pages * PAGE, found.length - 1), false);
  byId("rows").scrollIntoView();
  byId("count").textContent = `${count(found.length)} of ${count(ROWS.length)} rows, page ${count(firstShown / PAGE + 1)}`;
}

// One row

function linkTo(id) {
  return places.has(id) ? address({ row: id }) : null;
}

function openRow() {
  const index = places.get(state.row);
  byId("missing").hidden = index !== undefined;
  if (index === undefined) {
    byId("missing").textContent = `Row ${visible(state.row)} is not in this page; look for it in rows.jsonl.`;
    return dialog.close();
  }
  const row = ROWS[index];
  const place = found.indexOf(index);
  if (place >= 0) moveTo(place, false);
  byId("row-title").replaceChildren(element("span", { dir: "auto", textContent: visible(row.key) }));
  byId("row-place").replaceChildren(badge(row), place >= 0 ? ` ${count(place + 1)} of ${count(found.length)}` : " not among the rows found");
  byId("row-back").disabled = place <= 0;
  byId("row-forth").disabled = place < 0 || place === found.length - 1;
  byId("row-body").replaceChildren(...rowParts(row, linkTo));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  byId("row-title").focus();
}

function stepRow(by) {
  const next = found[current + by];
  if (next === undefined || found[current] !== places.get(state.row)) return;
  state.row = ROWS[next].key;
  keepAddress();
  openRow();
}

dialog.addEventListener("close", () => {
  if (state.row) {
    state.row = "";
    keepAddress();
  }
  currentLink()?.focus();
});
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
byId("row-close").addEventListener("click", () => dialog.close());
byId("row-back").addEventListener("click", () => stepRow(-1));
byId("row-forth").addEventListener("click", () => stepRow(1));

// Filters

function options(name, values, all) {
  const counts = new Map();
  for (const row of ROWS) for (const value of values(row)) counts.set(value, (counts.get(value) || 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const select = byId(name);
  select.replaceChildren(
    ...all.map(([value, text]) => element("option", { value, textContent: text })),
    ...sorted.map(([value, rows]) => element("option", { value, textContent: `${visible(value)} (${count(rows)})` })));
  select.parentElement.hidden = counts.size === 0;
}

function fillFilters() {
  options("outcome", (row) => [row.outcome].filter(Boolean), [["", "any"], ["*written", "written"], ["*left-out", "left out"]]);
  for (const name of ["db", "tier", "difficulty"]) options(name, (row) => [row[name]].filter(Boolean), [["", "any"]]);
  options("operator", (row) => row.operators || [], [["", "any"]]);
}

// Shows in the fields what the address says; a value that no row has is still named.
function showFilters() {
  for (const name of FILTERS) {
    const field = byId(name);
    if (name !== "q" && state[name] && ![...field.options].some((option) => option.value === state[name])) {
      field.append(element("option", { value: state[name], textContent: `${visible(state[name])} (0)` }));
      field.parentElement.hidden = false;
    }
    if (field.value !== state[name]) field.value = state[name];
  }
}

let waiting;
function filterChanged(name, delay) {
  state[name] = byId(name).value;
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    byId("missing").hidden = true;
    keepAddress();
    find();
  }, delay);
}

for (const name of FILTERS) byId(name).addEventListener("input", () => filterChanged(name, name === "q" ? 120 : 0));
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("clear").addEventListener("click", () => {
  for (const name of FILTERS) state[name] = "";
  showFilters();
  keepAddress();
  find();
  byId("q").focus();
});
byId("back").addEventListener("click", () => turnPage(-1));
byId("forth").addEventListener("click", () => turnPage(1));

// Keys

const MOVES = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: PAGE, PageUp: -PAGE, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const writing = event.target.closest("input, select, textarea");
  if (dialog.open) {
    if (event.key === "j" || event.key === "k") stepRow(MOVES[event.key]);
    return;
  }
  if (writing) {
    if (event.key === "ArrowDown" && writing.id === "q" && found.length) {
      event.preventDefault();
      moveTo(current);
    }
    return;
  }
  const inList = byId("list").contains(event.target);
  if (event.key === "/") byId("q").focus();
  else if (event.key in MOVES && inList) moveTo(current + MOVES[event.key]);
  else if (event.key === "j" || event.key === "k") moveTo(current);
  else return;
  event.preventDefault();
});

// Printing opens what is folded, and folds it again.

let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
});

// The address

addEventListener("hashchange", () => {
  if (location.hash && !location.hash.includes("=")) return; // a section of the page
  const before = state;
  state = readAddress();
  if (FILTERS.some((name) => state[name] !== before[name])) {
    showFilters();
    find();
    if (!state.row) byId("rows").scrollIntoView();
  }
  byId("missing").hidden = true;
  if (state.row) openRow();
  else if (dialog.open) dialog.close();
});

fillFilters();
byId("filters").hidden = false;
showFilters();
find();
if (state.row) openRow();
else if (FILTERS.some((name) => state[name])) byId("rows").scrollIntoView();
setTimeout(prepareSearch, 0);
