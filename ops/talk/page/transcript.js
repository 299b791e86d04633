// What is said and done in the call. Words of callers are text, never markup.

const SECONDS = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export class Transcript {
  constructor(list, events, empty) {
    this.list = list;
    this.events = events;
    this.empty = empty;
    this.items = new Map();
  }

  clear() {
    this.list.replaceChildren();
    this.events.replaceChildren();
    this.items.clear();
    this.empty.hidden = false;
  }

  turn({ n, who, text, interrupted, reply_ms: replyMs, barge_in_ms: bargeInMs }) {
    const item = this.item(`turn ${n}`, who);
    const said = interrupted && who === "agent" ? `${text} …` : text;
    item.replaceChildren(span("who", who === "agent" ? "Agent: " : "You: "), said);
    const notes = [];
    if (replyMs !== null) notes.push(`reply after ${replyMs} ms`);
    if (interrupted) notes.push("interrupted");
    if (bargeInMs !== null) notes.push(`silent ${bargeInMs} ms after you began`);
    if (notes.length) item.append(span("note", notes.join(", ")));
  }

  tool({ id, name, args, answer, outcome, duration_ms: durationMs }) {
    const item = this.item(`tool ${id}`, "tool");
    item.replaceChildren(span("who", `${name} `), `${outcome} in ${durationMs} ms`);
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = "Arguments and answer";
    details.append(summary, block(args), block(answer));
    item.append(details);
  }

  event({ at_s: atS, kind, words }) {
    const item = document.createElement("li");
    item.className = kind;
    const time = document.createElement("time");
    time.textContent = `${SECONDS.format(atS)} s`;
    item.append(time, span("words", words));
    this.events.append(item);
    item.scrollIntoView({ block: "nearest" });
  }

  item(key, kind) {
    this.empty.hidden = true;
    let item = this.items.get(key);
    if (!item) {
      item = document.createElement("li");
      item.className = kind;
      this.items.set(key, item);
      this.list.append(item);
    }
    return item;
  }
}

function span(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}

function block(text) {
  const element = document.createElement("pre");
  element.textContent = text;
  return element;
}
