"use strict";

// Everything a row says is untrusted: it reaches the page only as text of elements made here.

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Characters that a reader could not see, or that turn text around, are written out.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f]|[\u0080-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

function visible(text) {
  return String(text).replace(UNSEEN, (character) => {
    const code = character.charCodeAt(0);
    if (code === 0x7f) return "\u2421";
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : `\u27e6U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e7`;
  });
}

const TOKENS = new RegExp(
  [
    "(?<comment>#[^\\n]*)",
    "(?<string>\"\"\"[^]*?\"\"\"|'''[^]*?'''|\"(?:\\\\.|[^\"\\\\\\n])*\"|'(?:\\\\.|[^'\\\\\\n])*')",
    "(?<operator>\\b[A-Z][A-Z0-9_]*(?=\\())",
    "(?<keyword>\\b(?:and|as|def|else|False|for|from|if|import|in|is|lambda|None|not|or|return|True)\\b)",
    "(?<number>\\b\\d[\\d_.]*\\b)",
  ].join("|"),
  "g",
);

// A program as a pre element, its words marked by kind.
function program(text) {
  const code = element("code");
  const shown = visible(text);
  let end = 0;
  for (const found of shown.matchAll(TOKENS)) {
    const [kind] = Object.entries(found.groups).find(([, value]) => value !== undefined);
    code.append(shown.slice(end, found.index), element("span", { className: `code-${kind}`, textContent: found[0] }));
    end = found.index + found[0].length;
  }
  code.append(shown.slice(end));
  return element("pre", { className: "code", dir: "ltr", tabIndex: 0 }, code);
}

// A target as it was written: prose as prose, what stands between fences as a program.
function target(text, isProse) {
  const parts = text.split(/^(```[^\n]*\n[^]*?^```)[ \t]*$/m);
  if (parts.length === 1) return [isProse ? prose(text) : program(text)];
  return parts.filter((part) => part.trim()).map((part) => (part.startsWith("```") ? program(part) : prose(part.trim())));
}

function prose(text) {
  return element("p", { className: "prose", dir: "auto", textContent: visible(text) });
}
