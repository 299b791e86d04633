"use strict";

const call = JSON.parse(document.getElementById("call").textContent);
const audio = document.querySelector("audio");
const STEP_MS = 2000;
const SPEEDS = [1, 1.5, 2];
const NEAR = 0.06; // labels on the time line that are closer than this share of it would overlap
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const rows = [];
let at_ms = 0;
let current = null;

function byId(id) {
  return document.getElementById(id);
}

function all(selector) {
  return document.querySelectorAll(selector);
}

/* Everything that callers said passes through here as text and never becomes markup. */
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

// -- the head, and everything outside the transcript

function showHead() {
  document.documentElement.style.setProperty("--seconds", call.duration_ms / 1000);
  byId("title").textContent = call.title;
  byId("when").textContent = call.when;
  byId("length").textContent = call.length;
  byId("ending").textContent = call.ending;
  byId("ending").classList.toggle("bad", call.failed);
  byId("draft").hidden = !call.is_draft;
  showFacts(byId("facts"), call.facts);
  if (call.judged) showVerdict();
  byId("outcome").hidden = call.outcome.length === 0;
  showFacts(byId("outcome").querySelector("dl"), call.outcome);
  for (const figure of call.figures) {
    const value = make("dd", "", make("b", "", figure.value), make("small", "", figure.note));
    byId("figures").append(make("div", "", make("dt", "", figure.name), value));
  }
}

function showVerdict() {
  const ok = call.problems.length === 0;
  byId("verdict").hidden = !ok;
  byId("verdict").classList.add("good");
  byId("verdict").textContent = "✓ no problems found";
  byId("problems").hidden = ok;
  for (const problem of call.problems) {
    byId("problems").querySelector("ul").append(words("li", "", problem));
  }
}

function showFacts(list, facts) {
  for (const fact of facts) {
    list.append(make("div", "", make("dt", "", fact.name), words("dd", "", fact.value)));
  }
}

function showTechnical() {
  showFacts(byId("technical-facts"), call.technical);
  byId("unmatched").hidden = call.unmatched.length === 0;
  for (const item of call.unmatched) {
    byId("unmatched").querySelector("ul").append(make("li", "", arrival(item), " ", words("span", "", item.sentence)));
  }
  const moments = call.moments.filter((moment) => moment.kind !== "mark");
  byId("network").hidden = moments.length === 0;
  for (const moment of moments) {
    const when = make("time", "", clock(moment.at_ms));
    byId("network").querySelector("ol").append(make("li", moment.kind, when, words("span", "", moment.text)));
  }
}

/* Whether a sentence reached the other side, sample by sample. */
function arrival({ ok, why }) {
  return make("span", ok ? "arrival good" : "arrival bad", ok ? "✓ arrived" : `✗ did not arrive intact: ${why}`);
}

// -- the time line

function showTimeline() {
  const every_s = call.duration_ms < 20000 ? 1 : 5;
  for (let s = 0; s * 1000 <= 0.97 * call.duration_ms; s += every_s) {
    document.querySelector(".axis").append(place(make("span", "", clock(s * 1000)), s * 1000));
  }
  for (const lane of call.lanes) showLane(document.querySelector(`.lane.${lane.who}`), lane);
  for (const entry of call.entries.filter((one) => /caller|agent/.test(one.kind))) {
    document.querySelector(".strip").prepend(place(make("i", entry.kind), entry.at_ms, entry.end_ms));
  }
  byId("player").classList.toggle("silent", !call.recorded);
  for (const wait of call.delays) {
    const bar = make("span", `wait ${wait.kind}`, make("b", "", wait.label));
    document.querySelector(".waits").append(place(bar, wait.from_ms, wait.to_ms));
  }
  for (const entry of call.entries.filter((one) => one.kind === "tool")) {
    const bar = make("span", entry.ok ? "doing" : "doing bad", label(entry.at_ms, entry.text));
    document.querySelector(".doings").append(place(bar, entry.at_ms, entry.end_ms));
  }
  byId("player").classList.toggle("alone", call.moments.length === 0);
  let last = null;
  for (const moment of call.moments) {
    const flag = make("span", `moment ${moment.kind}`);
    document.querySelector(".moments").append(place(flag, moment.at_ms));
    if (!/stream|clear|fault/.test(moment.kind)) continue;
    const name = moment.kind === "clear" ? "interrupted" : moment.kind.replace("-", " ");
    if (last && moment.at_ms - last.at_ms < NEAR * call.duration_ms) {
      last.text.append(`, ${name}`);
    } else {
      last = { at_ms: moment.at_ms, text: label(moment.at_ms, name) };
      flag.append(last.text);
    }
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
  if (call.recorded) {
    drawing.style.left = percent(call.recorded.from_ms);
    drawing.style.width = percent(call.recorded.to_ms - call.recorded.from_ms);
  }
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
  byId("keys").textContent = audio
    ? "Tab to a line, then ↑ ↓. Enter plays from it. Space plays and pauses."
    : "Tab to a line, then ↑ ↓. Enter goes to it.";
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
  for (const item of entry.arrivals) head.append(" ", arrival(item));
  const bubble = make("div", "bubble", head, said);
  if (entry.picture) bubble.append(Object.assign(make("img"), { src: entry.picture, alt: "What the caller sent" }));
  if (entry.data) {
    bubble.append(make("details", "", make("summary", "", "Request and result"), words("pre", "", entry.data)));
  }
  const row = make("li", `entry ${entry.kind}${entry.cut ? " cut" : ""}${entry.ok ? "" : " bad"}`, button, bubble);
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    playFrom(entry, row);
  });
  row.addEventListener("click", (event) => {
    if (!event.target.closest("details") && getSelection().isCollapsed) goAndSay(entry.at_ms);
  });
  return row;
}

function playFrom(entry, row) {
  if (audio && !audio.paused && row === current?.row) {
    audio.pause();
    return;
  }
  goAndSay(entry.at_ms);
  play();
}

// -- where we are

function go(ms) {
  const to_ms = Math.min(Math.max(0, ms), call.duration_ms);
  if (audio) audio.currentTime = Math.max(0, to_ms - call.recorded.from_ms) / 1000;
  show(to_ms);
  bringIntoView();
}

/* The URL says where we are, so that it can be shared. */
function goAndSay(ms) {
  go(ms);
  history.replaceState(null, "", `#t=${(at_ms / 1000).toFixed(1).replace(/\.0$/, "")}`);
}

function goToAddress() {
  const found = /^#t=(?:(\d+):)?(\d+(?:\.\d+)?)$/.exec(location.hash);
  if (!found) return;
  go(1000 * (60 * Number(found[1] ?? 0) + Number(found[2])));
  current?.row.scrollIntoView({ block: "center" });
}

function show(ms) {
  at_ms = ms;
  for (const seek of all(".seek")) {
    seek.value = ms;
    seek.setAttribute("aria-valuetext", `${clock(ms)} of ${clock(call.duration_ms)}`);
  }
  for (const head of all(".playhead")) head.style.left = percent(ms);
  for (const element of all(".clock")) element.textContent = `${clock(ms)} / ${clock(call.duration_ms)}`;
  // A millisecond of grace, because audio elements round the position they seek to.
  const begun = ms === 0 ? [] : rows.filter((one) => one.entry.kind !== "tool" && one.entry.at_ms <= ms + 1);
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
  show(call.recorded.from_ms + audio.currentTime * 1000);
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
  // A pause before the sound has begun isn't an error.
  audio?.play().catch((fault) => { if (fault.name !== "AbortError") throw fault; });
}

function showPlaying() {
  for (const button of all(".play")) {
    button.classList.toggle("playing", !audio.paused);
    button.querySelector("span").textContent = audio.paused ? "Play" : "Pause";
  }
  if (!audio.paused) follow();
}

function changeSpeed() {
  const next = SPEEDS[(SPEEDS.indexOf(audio.playbackRate) + 1) % SPEEDS.length];
  audio.defaultPlaybackRate = next; // survives loading the sound later
  audio.playbackRate = next;
  showSpeed();
}

function showSpeed() {
  byId("speed").textContent = `${audio.playbackRate}×`;
  byId("speed").setAttribute("aria-label", `Speed: ${audio.playbackRate}×`);
}

/* Once the time line is out of sight, a bar takes its place. */
function fold(seen) {
  byId("folded").hidden = seen || byId("player").hidden;
}

async function copy() {
  const lines = call.entries.map((entry) => `${clock(entry.at_ms)}  ${entry.who}: ${entry.text}${entry.cut ? " …" : ""}`);
  try {
    await navigator.clipboard.writeText([`${call.title}, ${call.when}`, ...lines, ""].join("\n"));
    byId("copied").textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(byId("entries"));
    byId("copied").textContent = "The browser doesn't let this page copy. The transcript is selected: copy it with Ctrl+C or ⌘C.";
  }
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
  goAndSay(to_ms);
}

function onSpace(event) {
  if (event.key !== " " || !audio || event.target.closest("button, summary, a")) return;
  event.preventDefault();
  toggle();
}

function start() {
  if (audio?.dataset.packed) unpack();
  showHead();
  showTechnical();
  showTimeline();
  showTranscript();
  byId("player").hidden = call.duration_ms <= 1; // nothing took any time: the line was closed or busy
  for (const seek of all(".seek")) {
    seek.max = call.duration_ms;
    seek.addEventListener("input", () => goAndSay(Number(seek.value)));
    seek.addEventListener("keydown", moveOnTimeline);
  }
  byId("entries").addEventListener("keydown", moveFocus);
  byId("entries").addEventListener("focusout", () => setTimeout(() => {
    if (!byId("entries").contains(document.activeElement)) reachable(current ?? rows[0]);
  }));
  document.addEventListener("keydown", onSpace);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
  for (const button of all(".play, #speed")) button.hidden = !audio;
  for (const button of all(".play")) button.addEventListener("click", toggle);
  byId("speed").addEventListener("click", changeSpeed);
  byId("copy").addEventListener("click", copy);
  new IntersectionObserver(([player]) => fold(player.isIntersecting)).observe(byId("player"));
  for (const kind of ["play", "pause", "ended"]) audio?.addEventListener(kind, showPlaying);
  if (audio) showSpeed();
  show(0);
  reachable(current ?? rows[0]);
  goToAddress();
  addEventListener("hashchange", goToAddress);
}

start();
