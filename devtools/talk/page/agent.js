// The agent's document, as a form or as YAML. The line turns one into the other and says what is wrong.

const WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const CHECK_AFTER_MS = 600;
const TEXTS = [
  ["greeting", "Greeting", 2, "What the agent says first."],
  ["notice", "Notice", 2, "Spoken before the greeting."],
  ["instructions", "Instructions", 12, "What the model is told. {local_time}, {weekday} and the like are filled in."],
];
const OUTSIDE = { message: "hear a message", fallback_number: "reach a person", answer: "reach the agent all the same" };

export class AgentEditor {
  constructor(root, tell) {
    this.tell = tell;
    this.at = (id) => root.querySelector(`#${id}`);
    this.document = {};
    this.version = "";
    this.inputs = new Map(); // by the document's field: how it is shown and read
    this.byForm = true;
    this.at("save").addEventListener("click", () => this.ask("save"));
    root.addEventListener("input", () => this.checkSoon());
    root.addEventListener("keydown", (event) => this.onKey(event));
    for (const tab of [this.at("form-tab"), this.at("yaml-tab")]) {
      tab.addEventListener("click", () => this.turnTo(tab));
    }
  }

  // The choices there are; then `show` is given the document.
  start({ voices, tools }) {
    this.tools = tools;
    const panel = this.at("form-panel");
    panel.replaceChildren();
    for (const [field, name, rows, help] of TEXTS) this.add(panel, field, name, textArea(rows), help);
    const voice = document.createElement("select");
    voice.append(...voices.map((one) => new Option(one, one)));
    this.add(panel, "voice", "Voice", voice);
    this.add(panel, "language", "Language", textInput(), "A language and its country: en-US, de-DE.", true);
    this.add(panel, "time_zone", "Time zone", textInput(), "Where the agent is: Europe/Berlin.", true);
    this.addTools(panel);
    this.addPhotos(panel);
    this.addHours(panel);
    this.at("save").disabled = false;
  }

  stop() {
    this.at("save").disabled = true;
  }

  // -- the form

  // An `optional` field is taken out when it is empty.
  add(panel, field, name, input, help = "", optional = false) {
    input.id = `agent-${field}`;
    const label = element("label", "", name);
    label.htmlFor = input.id;
    const wrong = element("span", "wrong");
    wrong.id = `${input.id}-wrong`;
    const notes = element("span", "quiet", help);
    notes.id = `${input.id}-help`;
    input.setAttribute("aria-describedby", `${notes.id} ${wrong.id}`);
    const box = element("div", "field");
    box.append(label, input, notes, wrong);
    panel.append(box);
    this.inputs.set(field, {
      show: (value) => { input.value = value ?? ""; },
      read: () => (optional && !input.value ? null : input.value),
      wrong,
      input,
    });
  }

  addTools(panel) {
    const { box, wrong } = group("Tools");
    const list = document.createElement("div");
    box.append(list, wrong);
    panel.append(box);
    this.inputs.set("tools", {
      show: (value) => {
        const chosen = Array.isArray(value) ? value : [];
        const names = [...new Set([...Object.keys(this.tools), ...chosen])];
        list.replaceChildren(...names.map((name) => check(name, name, chosen.includes(name), this.tools[name])));
      },
      read: () => [...list.querySelectorAll("input:checked")].map((input) => input.value),
      wrong,
    });
  }

  addPhotos(panel) {
    const { box, wrong } = group("Photos");
    const asks = check("photos", "may ask callers for photos, by a text with a link", false);
    box.append(asks, wrong);
    panel.append(box);
    const input = asks.querySelector("input");
    this.inputs.set("photos", {
      show: (value) => { input.checked = value === true; },
      read: () => (input.checked ? true : null),
      wrong,
    });
  }

  addHours(panel) {
    const { box, wrong } = group("Opening hours");
    const limited = check("", "open at these times only", false);
    const week = element("div", "week");
    for (const day of WEEK) {
      const label = element("label", "", day[0].toUpperCase() + day.slice(1));
      const input = textInput();
      input.name = day;
      input.placeholder = "closed";
      label.append(input);
      week.append(label);
    }
    const outside = element("label", "", "Otherwise callers");
    const choice = document.createElement("select");
    choice.append(...Object.entries(OUTSIDE).map(([value, words]) => new Option(words, value)));
    outside.append(choice);
    const message = element("label", "", "Message");
    const words = textInput();
    message.append(words);
    const rest = [element("span", "quiet", "Times such as 09:00-17:30, several with commas, or 24h."), week, outside, message];
    box.append(limited, ...rest, wrong);
    panel.append(box);
    const box_ = limited.querySelector("input");
    const reveal = () => { for (const part of rest) part.hidden = !box_.checked; };
    box_.addEventListener("input", reveal);
    let kept = {}; // what the form has no place for, such as days off
    this.inputs.set("opening_hours", {
      show: (value) => {
        kept = value ?? {};
        box_.checked = value != null;
        for (const input of week.querySelectorAll("input")) input.value = kept[input.name] ?? "";
        choice.value = kept.outside ?? "message";
        words.value = kept.message ?? "";
        reveal();
      },
      read: () => {
        if (!box_.checked) return null;
        const hours = { ...kept };
        const put = (name, text, usual) => {
          if (text !== usual) hours[name] = text;
          else delete hours[name];
        };
        for (const input of week.querySelectorAll("input")) put(input.name, input.value.trim(), "");
        if (choice.value !== "message" || "outside" in kept) hours.outside = choice.value;
        put("message", words.value, "");
        return hours;
      },
      wrong,
    });
  }

  // What the form says otherwise than the document.
  changes() {
    const changed = {};
    if (!this.byForm) return changed;
    for (const [field, { read }] of this.inputs) {
      const value = read();
      if (JSON.stringify(value) !== this.shown.get(field)) changed[field] = value;
    }
    return changed;
  }

  // -- with the line

  ask(purpose) {
    clearTimeout(this.soon);
    const text = this.byForm ? this.text : this.at("agent-text").value;
    this.tell({ do: "edit_agent", purpose, text, fields: this.changes(), version: this.version });
  }

  checkSoon() {
    this.say("");
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.ask("check"), CHECK_AFTER_MS);
  }

  show({ purpose, text, fields, version, problems, said, good }) {
    this.version = version;
    // While somebody types, and when nothing was saved, what they have written stays.
    if (purpose !== "check" && fields !== null && (good || purpose === "show")) this.fill(text, fields);
    if (purpose === "show" && this.turning) this.turned(fields !== null);
    this.mark(problems);
    const others = problems.filter(({ field }) => !this.isMarked(field));
    this.say([said, ...others.map(({ field, words }) => (field ? `${field}: ${words}` : words))].filter(Boolean).join("\n"), good);
  }

  fill(text, fields) {
    this.text = text;
    this.at("agent-text").value = text;
    this.shown = new Map();
    for (const [field, { show, read }] of this.inputs) {
      show(fields[field]);
      this.shown.set(field, JSON.stringify(read()));
    }
  }

  mark(problems) {
    for (const [field, { wrong, input }] of this.inputs) {
      wrong.textContent = problems.filter((one) => rootOf(one.field) === field)
        .map((one) => (one.field === field ? one.words : `${one.field.slice(field.length + 1)}: ${one.words}`)).join("\n");
      input?.setAttribute("aria-invalid", String(wrong.textContent !== ""));
    }
  }

  isMarked(field) {
    return this.byForm && this.inputs.has(rootOf(field));
  }

  say(words, good = true) {
    this.at("agent-said").textContent = words;
    this.at("agent-said").className = words && !good ? "bad" : "good";
  }

  // -- the tabs: the other one shows what this one has

  onKey(event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      event.preventDefault();
      this.ask("save");
    }
    if (event.target.getAttribute("role") === "tab" && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
      this.turnTo(this.byForm ? this.at("yaml-tab") : this.at("form-tab"));
    }
  }

  turnTo(tab) {
    const toForm = tab === this.at("form-tab");
    if (toForm === this.byForm) return;
    this.turning = true;
    this.ask("show");
  }

  turned(readable) {
    this.turning = false;
    if (!readable) return;
    this.byForm = !this.byForm;
    for (const [name, chosen] of [["form", this.byForm], ["yaml", !this.byForm]]) {
      this.at(`${name}-panel`).hidden = !chosen;
      this.at(`${name}-tab`).setAttribute("aria-selected", String(chosen));
      this.at(`${name}-tab`).tabIndex = chosen ? 0 : -1;
      if (chosen) this.at(`${name}-tab`).focus();
    }
  }
}

// `opening_hours.monday` and `tools[2]` belong to the field before.
function rootOf(field) {
  return field.split(/[.[]/)[0];
}

function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function textInput() {
  return Object.assign(document.createElement("input"), { type: "text", spellcheck: false });
}

function textArea(rows) {
  return Object.assign(document.createElement("textarea"), { rows });
}

function check(value, words, checked, help = "") {
  const label = element("label", "check");
  const input = Object.assign(document.createElement("input"), { type: "checkbox", value, checked });
  label.append(input, words);
  label.title = help;
  return label;
}

function group(name) {
  const box = document.createElement("fieldset");
  const wrong = element("span", "wrong");
  wrong.setAttribute("role", "status");
  box.append(element("legend", "", name));
  return { box, wrong };
}
