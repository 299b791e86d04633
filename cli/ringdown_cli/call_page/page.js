"use strict";

const call = JSON.parse(document.getElementById("call").textContent);
const audio = document.querySelector("audio");
const seek = byId("seek");
const STEP_MS = 2000;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const rows = [];
let at_ms = 0;
let current = null;

function byId(id) {
  return document.getElementById(id);
}

/* Everything that callers said comes through here as text: it never becomes markup. */
function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

function words(tag, className, text) {
  const element = make(tag, className, text);
  element.dir = "auto";
  return element;
}

function clock(ms) {
  const s = Math.floor(ms / 1000);
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

function percent(ms) {
  return `${(100 * ms) / call.duration_ms}%`;
}

function place(element, from_ms, to_ms) {
  element.style.left = percent(from_ms);
  if (to_ms !== undefined) element.style.width = percent(to_ms - from_ms);
  return element;
}

async function unpack() {
  const packed = Uint8Array.from(atob(audio.dataset.packed), (letter) => letter.charCodeAt(0));
  const wav = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  audio.src = URL.createObjectURL(new Blob([await new Response(wav).arrayBuffer()], { type: "audio/wav" }));
}

// -- the head, and what stands beside the transcript

function showHead() {
  document.documentElement.style.setProperty("--seconds", call.duration_ms / 1000);
  byId("title").textContent = call.title;
  byId("when").textContent = call.when;
  byId("length").textContent = call.length;
  byId("ending").textContent = call.ending;
  byId("ending").classList.toggle("bad", call.failed);
  byId("draft").hidden = !call.is_draft;
  if (call.judged) showVerdict();
  for (const figure of call.figures) {
    const value = make("dd", "", make("b", "", figure.value), make("small", "", figure.note));
    byId("figures").append(make("div", "", make("dt", "", figure.name), value));
  }
}

function showVerdict() {
  const ok = call.problems.length === 0;
  byId("verdict").hidden = !ok;
  byId("verdict").classList.add("good");
  byId("verdict").textContent = "✓ went as it should";
  byId("problems").hidden = ok;
  for (const problem of call.problems) {
    byId("problems").querySelector("ul").append(words("li", "", problem));
  }
}

function showAside() {
  for (const fact of call.facts) {
    byId("facts").append(make("div", "", make("dt", "", fact.name), words("dd", "", fact.value)));
  }
  for (const heard of call.heard) byId("heard").append(heardSection(heard));
  const moments = call.moments.filter((moment) => moment.kind !== "mark");
  byId("network").hidden = moments.length === 0;
  for (const moment of moments) {
    const when = make("time", "", clock(moment.at_ms));
    byId("network").querySelector("ol").append(make("li", moment.kind, when, words("span", "", moment.text)));
  }
}

function heardSection(heard) {
  const list = make("ul", "arrivals");
  list.setAttribute("role", "list");
  for (const item of heard.sentences) {
    const sign = make("span", item.ok ? "sign good" : "sign bad", item.ok ? "✓" : "✗");
    sign.setAttribute("role", "img");
    sign.setAttribute("aria-label", item.ok ? "arrived" : "did not arrive");
    const text = make("div", "", words("span", "", item.sentence), make("small", "", item.why));
    list.append(make("li", "", sign, text));
  }
  return make("section", "", make("h2", "", heard.title), list);
}

// -- the time line

function showTimeline() {
  const every_s = call.duration_ms < 20000 ? 1 : 5;
  for (let s = 0; s * 1000 <= call.duration_ms; s += every_s) {
    document.querySelector(".axis").append(place(make("span", "", clock(s * 1000)), s * 1000));
  }
  for (const lane of call.lanes) showLane(document.querySelector(`.lane.${lane.who}`), lane);
  for (const wait of call.delays) {
    const bar = make("span", `wait ${wait.kind}`, make("b", "", wait.label));
    document.querySelector(".waits").append(place(bar, wait.from_ms, wait.to_ms));
  }
  for (const entry of call.entries.filter((one) => one.kind === "tool")) {
    const bar = make("span", entry.ok ? "doing" : "doing bad", label(entry.at_ms, entry.text));
    document.querySelector(".doings").append(place(bar, entry.at_ms, entry.end_ms));
  }
  byId("player").classList.toggle("alone", call.moments.length === 0);
  for (const moment of call.moments) {
    const flag = make("span", `moment ${moment.kind}`);
    if (/stream|clear|fault/.test(moment.kind)) flag.append(label(moment.at_ms, moment.kind.replace("-", " ")));
    document.querySelector(".moments").append(place(flag, moment.at_ms));
  }
}

function label(at_ms, text) {
  return make("b", at_ms > 0.85 * call.duration_ms ? "before" : "", text);
}

function showLane(element, lane) {
  element.classList.toggle("unrecorded", lane.outline.length === 0);
  for (const entry of call.entries.filter((one) => one.kind === lane.who)) {
    const block = make("span", entry.cut ? "said cut" : "said");
    element.append(place(block, entry.at_ms, entry.end_ms));
  }
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", lane.description);
  drawing.setAttribute("viewBox", `0 -105 ${Math.max(1, lane.outline.length)} 210`);
  drawing.setAttribute("preserveAspectRatio", "none");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", lane.outline.map((peak, x) => `M${x + 0.5} ${-peak - 1}v${2 * peak + 2}`).join(""));
  drawing.append(path);
  element.append(drawing);
}

// -- the transcript

function showTranscript() {
  byId("entries").lang = call.language;
  for (const entry of call.entries) {
    const row = entryRow(entry);
    rows.push({ entry, row, button: row.querySelector("button") });
    byId("entries").append(row);
  }
  const verb = audio ? "plays from it" : "goes to it";
  byId("keys").textContent = `↑ ↓ move, Enter ${verb}${audio ? ", Space plays and pauses" : ""}`;
}

function entryRow(entry) {
  const button = make("button", "", clock(entry.at_ms));
  button.type = "button";
  button.tabIndex = -1;
  button.setAttribute("aria-label", `${audio ? "Play from" : "Go to"} ${clock(entry.at_ms)}, ${entry.who}`);
  const said = words("p", "said", entry.text || "(nothing was heard)");
  if (entry.cut) said.append(make("span", "scissors", "✂ cut off"));
  const head = make("p", "head", make("span", "who", entry.who));
  if (entry.notes.length) head.append(" ", make("span", "notes", entry.notes.join(" · ")));
  const bubble = make("div", "bubble", head, said);
  if (entry.data) {
    bubble.append(make("details", "", make("summary", "", "Given and answered"), words("pre", "", entry.data)));
  }
  const row = make("li", `entry ${entry.kind}${entry.cut ? " cut" : ""}${entry.ok ? "" : " bad"}`, button, bubble);
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    playFrom(entry, row);
  });
  row.addEventListener("click", (event) => {
    if (!event.target.closest("details") && getSelection().isCollapsed) go(entry.at_ms);
  });
  return row;
}

function playFrom(entry, row) {
  if (audio && !audio.paused && row === current?.row) {
    audio.pause();
    return;
  }
  go(entry.at_ms);
  play();
}

// -- where we are

function go(ms) {
  const to_ms = Math.min(Math.max(0, ms), call.duration_ms);
  if (audio) audio.currentTime = to_ms / 1000;
  show(to_ms);
  bringIntoView();
}

function show(ms) {
  at_ms = ms;
  seek.value = ms;
  seek.setAttribute("aria-valuetext", `${clock(ms)} of ${clock(call.duration_ms)}`);
  byId("playhead").style.left = percent(ms);
  byId("clock").textContent = `${clock(ms)} / ${clock(call.duration_ms)}`;
  // A millisecond of grace: an audio element rounds the place that it is sent to.
  const begun = rows.filter((one) => one.entry.kind !== "tool" && one.entry.at_ms <= ms + 1);
  markCurrent(begun.at(-1) ?? null);
}

function markCurrent(next) {
  if (next === current) return;
  current?.row.removeAttribute("aria-current");
  next?.row.setAttribute("aria-current", "true");
  current = next;
  if (!byId("entries").contains(document.activeElement)) reachable(next ?? rows[0]);
  if (audio && !audio.paused) next?.row.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
}

/* One row is in the tab order; the arrow keys lead to the others. */
function reachable(target) {
  for (const one of rows) one.button.tabIndex = one === target ? 0 : -1;
}

function follow() {
  show(audio.currentTime * 1000);
  bringIntoView();
  if (!audio.paused) requestAnimationFrame(follow);
}

/* On a narrow screen the time line is wider than its window. */
function bringIntoView() {
  const scroller = byId("scroller");
  const x = (at_ms / call.duration_ms) * scroller.scrollWidth;
  if (x < scroller.scrollLeft || x > scroller.scrollLeft + 0.8 * scroller.clientWidth) {
    scroller.scrollLeft = x - 0.2 * scroller.clientWidth;
  }
}

function toggle() {
  if (audio.paused) play();
  else audio.pause();
}

function play() {
  // A pause that comes before the sound has begun is no fault.
  audio?.play().catch((fault) => { if (fault.name !== "AbortError") throw fault; });
}

function showPlaying() {
  byId("play").classList.toggle("playing", !audio.paused);
  byId("play").querySelector("span").textContent = audio.paused ? "Play" : "Pause";
  if (!audio.paused) follow();
}

// -- keys

function moveFocus(event) {
  const index = rows.findIndex((one) => one.button === event.target);
  const target = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: rows.length - 1 }[event.key];
  if (index < 0 || rows[target] === undefined) return;
  event.preventDefault();
  reachable(rows[target]);
  rows[target].button.focus();
}

function moveOnTimeline(event) {
  const turns = rows.filter((one) => one.entry.kind !== "tool").map((one) => one.entry.at_ms);
  const to_ms = {
    ArrowLeft: at_ms - STEP_MS,
    ArrowRight: at_ms + STEP_MS,
    ArrowUp: turns.findLast((start_ms) => start_ms < at_ms - 1) ?? 0,
    ArrowDown: turns.find((start_ms) => start_ms > at_ms + 1) ?? at_ms,
  }[event.key];
  if (to_ms === undefined) return;
  event.preventDefault();
  go(to_ms);
}

function onSpace(event) {
  if (event.key !== " " || !audio || event.target.closest("button, summary")) return;
  event.preventDefault();
  toggle();
}

function start() {
  if (audio) unpack();
  showHead();
  showAside();
  showTimeline();
  showTranscript();
  byId("player").hidden = call.duration_ms <= 1; // nothing took any time: the call was turned away
  seek.max = call.duration_ms;
  seek.addEventListener("input", () => go(Number(seek.value)));
  seek.addEventListener("keydown", moveOnTimeline);
  byId("entries").addEventListener("keydown", moveFocus);
  byId("entries").addEventListener("focusout", () => setTimeout(() => {
    if (!byId("entries").contains(document.activeElement)) reachable(current ?? rows[0]);
  }));
  document.addEventListener("keydown", onSpace);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
  byId("play").hidden = !audio;
  byId("play").addEventListener("click", toggle);
  for (const kind of ["play", "pause", "ended"]) audio?.addEventListener(kind, showPlaying);
  show(0);
  reachable(current ?? rows[0]);
}

start();
