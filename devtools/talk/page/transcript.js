// The conversation and tool calls. Callers' words are text, never markup.

const SECONDS = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export class Transcript {
  constructor(list, events, empty) {
    this.list = list;
    this.events = events;
    this.empty = empty;
    this.items = new Map();
    for (const box of [list, events]) {
      new MutationObserver(() => { box.scrollTop = box.scrollHeight; }).observe(box, { childList: true, subtree: true });
    }
  }

  clear() {
    this.list.hidden = true;
    this.list.replaceChildren();
    this.events.replaceChildren();
    this.items.clear();
    this.empty.hidden = false;
  }

  // Show what is being said, as far as known. Screen readers read a turn once, when it is complete.
  saying({ who, text }) {
    const key = `saying ${who}`;
    if (!text) {
      this.items.get(key)?.remove();
      this.items.delete(key);
      return;
    }
    const item = this.item(key, who);
    item.classList.add("saying");
    item.setAttribute("aria-hidden", "true");
    item.replaceChildren(...spoken(who, text));
  }

  turn({ n, who, text, interrupted, reply_ms: replyMs, barge_in_ms: bargeInMs }) {
    // A turn that was sent, not spoken, goes before what the agent is saying about it.
    const item = this.settle(who, `turn ${n}`) ?? this.item(`turn ${n}`, who, this.items.get("saying agent"));
    item.replaceChildren(...spoken(who, interrupted && who === "agent" ? `${text} …` : text));
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
    summary.textContent = "Request and result";
    details.append(summary, span("note", "request"), block(args), span("note", "result"), block(answer));
    item.append(details);
  }

  event({ at_s: atS, kind, words }) {
    const item = document.createElement("li");
    item.className = kind;
    const time = document.createElement("time");
    time.textContent = `${SECONDS.format(atS)} s`;
    item.append(time, span("words", words));
    this.events.append(item);
    // Network notices and simulated failures are also shown in the conversation.
    if (kind === "notice" || kind === "trouble") {
      const who = kind === "notice" ? "Notice: " : "Broken: ";
      this.item(`event ${this.events.children.length}`, kind).append(span("who", who), words);
    }
  }

  // Keep what was said to a handler that is gone, because the record won't have it.
  lost({ who, text }) {
    const item = this.settle(who, `lost ${this.items.size}`) ?? this.item(`lost ${this.items.size}`, who);
    item.replaceChildren(...spoken(who, `${text} …`), span("note", "cut off; not in the record, because the handler is gone"));
  }

  // Turn the item with the words being said into the turn's item. Returns undefined if there is none.
  settle(who, key) {
    const item = this.items.get(`saying ${who}`);
    if (!item || this.items.has(key)) return undefined;
    this.items.delete(`saying ${who}`);
    this.items.set(key, item);
    item.classList.remove("saying");
    item.removeAttribute("aria-hidden");
    return item;
  }

  // Remove words that were never heard: they aren't part of the call.
  over() {
    for (const who of ["caller", "agent"]) this.saying({ who, text: "" });
  }

  item(key, kind, before = null) {
    this.empty.hidden = true;
    this.list.hidden = false;
    let item = this.items.get(key);
    if (!item) {
      item = document.createElement("li");
      item.className = kind;
      this.items.set(key, item);
      this.list.insertBefore(item, before);
    }
    return item;
  }
}

function spoken(who, text) {
  return [span("who", who === "agent" ? "Agent: " : "You: "), text];
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
