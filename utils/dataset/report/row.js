// One row in full, as it is shown in the dialog.

const count = (number) => number.toLocaleString("en");
const spoken = (name) => visible(name || "not told").replaceAll("_", " ");

function section(title, ...children) {
  return element("section", {}, element("h3", { textContent: title }), ...children);
}

function badge(row) {
  const kind = FACTS.sides.includes(row.outcome) ? "written" : "left-out";
  return element("span", { className: `badge ${kind}`, textContent: (kind === "written" ? "✓ " : "✗ ") + spoken(row.outcome) });
}

function pairs(facts) {
  const list = element("dl", { className: "pairs" });
  for (const [name, value] of facts) {
    if (!value) continue;
    list.append(element("div", {}, element("dt", { textContent: name }), element("dd", { dir: "auto" }, value instanceof Node ? value : visible(value))));
  }
  return list;
}

function leftOut(row, linkTo) {
  const like = / (?:as|near) (.+?)(?: in (?:train|validation|test))?(?: \(similarity [\d.]+\))?$/.exec(row.detail || "");
  const link = like && linkTo(like[1]);
  return section(
    "Why it was left out",
    element("p", { className: "meaning", textContent: FACTS.meanings[row.outcome] || spoken(row.outcome) }),
    row.detail ? element("p", { className: "prose", dir: "auto", textContent: visible(row.detail) }) : null,
    link ? element("p", {}, element("a", { href: link, textContent: `Open ${visible(like[1])}` })) : null,
  );
}

function resultTable(answer) {
  const rows = answer.rows;
  const columns = answer.columns.length ? answer.columns : (rows[0] || []).map((_, index) => `column ${index + 1}`);
  const numeric = columns.map((_, index) => rows.every((row) => row[index] === null || typeof row[index] === "number"));
  const cell = (value, index) =>
    element("td", { className: `${value === null ? "null " : ""}${numeric[index] ? "number" : ""}`, dir: numeric[index] ? "ltr" : "auto", textContent: value === null ? "null" : visible(value) });
  const head = columns.map((name, index) => element("th", { scope: "col", className: numeric[index] ? "number" : "", textContent: visible(name) }));
  const table = element("table", { className: "plain result" },
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell)))));
  const scroll = element("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Result table" }, table);
  return section("Result", scroll, answer.more ? element("p", { className: "muted more", textContent: `${count(answer.more)} more rows` }) : null);
}

function verdict(told) {
  const tried = told.instances_tried;
  const lints = (told.lints || []).map((lint) => element("li", { dir: "auto", textContent: visible(`line ${lint.line}, ${lint.code}: ${lint.explanation}`) }));
  const notes = (told.notes || []).map((note) => element("li", { dir: "auto", textContent: visible(note) }));
  const on = told.differs_on;
  return section(
    "Verdict",
    pairs([
      ["status", spoken(told.status)],
      ["databases", tried ? `right on ${count(told.instances_passed || 0)} of ${count(tried)}` : undefined],
      ["differs on", on ? (/^\d+$/.test(on) ? `made database ${on}` : on) : undefined],
      ["what makes the difference", told.reasons && told.reasons.map(spoken).join(", ")],
      ["detail", told.detail],
    ]),
    notes.length ? element("ul", { className: "notes" }, ...notes) : null,
    lints.length ? element("ul", { className: "notes" }, ...lints) : null,
  );
}

function facts(row) {
  return section("Facts", pairs([
    ["database", row.db],
    ["tier", row.tier],
    ["difficulty", row.difficulty],
    ["benchmark", row.benchmark ? "yes" : undefined],
    ["origin", row.origin],
    ["source", row.source],
    ["template", row.template && element("code", { textContent: visible(row.template) })],
    ["tokens", row.tokens && `about ${count(row.tokens)}`],
    ["operators", row.operators && row.operators.join(", ")],
    ["written", row.line && `line ${count(row.line)} of ${row.outcome}.jsonl`],
    ["listed", `row ${count(row.number)} of rows.jsonl`],
  ]));
}

function folded(title, text) {
  const lines = text.split("\n").length;
  const pre = element("pre", { className: "text", tabIndex: 0, textContent: visible(text) });
  return element("details", {}, element("summary", { textContent: `${title}, ${count(lines)} ${lines === 1 ? "line" : "lines"}` }), pre);
}

// `linkTo` gives the address of another row by its id, or null when the page does not have it.
function rowParts(row, linkTo) {
  const written = FACTS.sides.includes(row.outcome);
  const main = element("div", { className: "main" },
    written ? null : leftOut(row, linkTo),
    row.question ? section("Question", prose(row.question)) : null,
    row.target ? section(written ? "Target, as written" : "Program", ...target(row.target, row.outcome.startsWith("basicq"))) : null,
    row.answer ? resultTable(row.answer) : null);
  const side = element("div", { className: "side" }, row.verdict ? verdict(row.verdict) : null, facts(row));
  const below = element("div", { className: "below" },
    row.schema === undefined ? null : folded("Schema", TEXTS.schemas[row.schema]),
    row.docs === undefined ? null : folded("Documentation", TEXTS.documentation[row.docs]),
    ...(row.unstored || []).map((name) => element("p", { className: "muted", textContent: `This page has no room for its ${name}: read line ${count(row.line)} of ${row.outcome}.jsonl.` })));
  return [main, side, below];
}
