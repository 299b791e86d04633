// The form works without this. With it, people see mistakes as they type, and what an edit changes before they save it.
const form = document.getElementById("agent");
const turn = document.getElementById("turn");
const preview = document.getElementById("preview");
const mayEdit = "why" in form.elements;
const AFTER_MS = 400;
let timer;
let asked = 0;
let changed = false;

async function check() {
  const mine = ++asked;
  const body = new URLSearchParams(new FormData(form));
  const response = await fetch(form.dataset.check, { method: "POST", body }).catch(() => null);
  if (mine !== asked || !response?.ok) return; // the server checks again when the form is sent
  show(await response.json());
}

// What people typed goes through textContent, so it never becomes markup.
function show({ fields, general, difference }) {
  for (const list of document.querySelectorAll("[data-problems]")) {
    const path = list.dataset.problems;
    const problems = path === "" ? general : (fields[path] ?? []);
    list.replaceChildren(...problems.map((problem) => element("li", problem)));
    const field = form.elements.namedItem(path);
    if (field instanceof HTMLElement) field.ariaInvalid = problems.length > 0 ? "true" : null;
    if (problems.length > 0) list.closest("details")?.setAttribute("open", "");
  }
  preview.hidden = difference.length === 0;
  changed = difference.length > 0;
  preview.querySelector("pre").replaceChildren(...difference.map(line));
}

function line(text) {
  const shown = element("span", `${text}\n`);
  shown.className = { "+": "added", "-": "removed", "@": "place" }[text[0]] ?? "";
  return shown;
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.dir = "auto";
  return made;
}

function insert(text) {
  const area = document.getElementById("instructions");
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.focus();
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

form.addEventListener("input", () => {
  changed = true;
  clearTimeout(timer);
  timer = setTimeout(check, AFTER_MS);
});
form.addEventListener("submit", () => {
  changed = false;
});
// Unsaved edits carry over to the other view.
turn.addEventListener("click", (event) => {
  if (!mayEdit) return;
  event.preventDefault();
  form.requestSubmit(form.querySelector("[value=turn]"));
});
addEventListener("keydown", (event) => {
  if (!mayEdit || !(event.ctrlKey || event.metaKey) || event.key !== "s") return;
  event.preventDefault();
  form.requestSubmit(form.querySelector("[value=save]"));
});
addEventListener("beforeunload", (event) => {
  if (changed) event.preventDefault();
});
for (const pill of document.querySelectorAll("[data-insert]")) {
  pill.parentElement.hidden = false;
  pill.addEventListener("click", () => insert(pill.dataset.insert));
}
if (mayEdit) check(); // after a refused save or a change of view, there are unsaved edits already
