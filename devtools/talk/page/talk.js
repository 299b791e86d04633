// The telephone: buttons and words. Sound is in sound.js, the connection in link.js.

import { Link } from "./link.js";
import { Sound, SoundFailed, levelOf } from "./sound.js";
import { Transcript } from "./transcript.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const QUIET_DB = -60;

const at = (id) => document.getElementById(id);
const transcript = new Transcript(at("transcript"), at("events"), at("nothing-yet"));

let link;
let sound = null;
let onTheLine = false; // from dialling to the end
let muted = false;
let answeredAt = null;
let agentVersion = "";
let standIn = true;

for (const key of KEYS) {
  const button = document.createElement("button");
  button.textContent = key;
  button.setAttribute("aria-label", { "*": "star", "#": "pound" }[key] ?? key);
  button.disabled = true;
  button.addEventListener("click", () => link.tell({ do: "press", key }));
  at("keypad").append(button);
}

at("dial").addEventListener("click", dial);
at("hang-up").addEventListener("click", () => link.tell({ do: "hang_up" }));
at("mute").addEventListener("click", () => mute(!muted));
at("save").addEventListener("click", () => link.tell({ do: "save_agent", text: at("agent-text").value, version: agentVersion }));
for (const button of at("troubles").children) {
  button.addEventListener("click", () => link.tell({ do: "trouble", what: button.dataset.trouble }));
}
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("textarea, input");
  if (answeredAt !== null && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && KEYS.includes(event.key)) {
    link.tell({ do: "press", key: event.key });
  }
});

connect();
setInterval(showClock, 250);

function connect() {
  link = new Link({ onMessage, onFrame, onLost });
}

function onMessage(message) {
  switch (message.is) {
    case "line": return lineReady(message);
    case "call": return callChanged(message);
    case "event": return transcript.event(message);
    case "lost": return transcript.lost(message);
    case "saying": return transcript.saying(message);
    case "turn": return transcript.turn(message);
    case "tool": return transcript.tool(message);
    case "agent": return showAgent(message);
    case "problem": return complain(message.words);
  }
}

function onFrame(frame) {
  if (!sound) return;
  sound.play(frame);
  show("agent-level", levelOf(frame));
}

async function onLost() {
  await over("The line is gone: `make talk` was stopped, or this computer slept. Start it again and reload the page.");
  at("dial").disabled = true;
  at("save").disabled = true;
}

function lineReady({ number, phrases, agent }) {
  standIn = phrases.length > 0;
  at("number").textContent = number;
  at("model").textContent = standIn
    ? "The model is a stand-in that knows a few dozen sentences. Set GEMINI_API_KEY to talk to the real one."
    : "The model is the real one.";
  at("phrases-box").hidden = !standIn;
  at("phrases").replaceChildren(...phrases.map((phrase) => Object.assign(document.createElement("li"), { textContent: phrase })));
  showAgent(agent);
  at("save").disabled = false;
  ready("Dial to talk. The browser will ask for the microphone.");
}

async function dial() {
  complain("");
  at("dial").disabled = true;
  say("Starting the microphone …");
  try {
    sound = await Sound.open(onSpoken, () => complain("The microphone is gone. Connect it again, hang up and dial."));
  } catch (error) {
    if (!(error instanceof SoundFailed)) throw error;
    complain(error.message);
    ready("Not connected.");
    at("dial").focus();
    return;
  }
  transcript.clear();
  at("call-page").hidden = true;
  onTheLine = true;
  at("hang-up").disabled = false;
  at("hang-up").focus();
  link.tell({ do: "dial" });
}

function onSpoken(frame) {
  show("you", levelOf(frame));
  if (onTheLine) link.send(frame);
}

async function callChanged({ status, words, page }) {
  if (status === "ringing") return say("Ringing …");
  if (status === "answered") return answered();
  if (status === "refused") {
    complain(words);
    return over("Not connected.");
  }
  await over(words ? `The call is over: ${words}.` : "The call is over.");
  if (page) {
    at("call-page").hidden = false;
    at("call-page").firstElementChild.href = page;
  }
}

function answered() {
  answeredAt = Date.now();
  say("Connected. Just talk; you may interrupt.");
  at("mute").disabled = false;
  for (const button of [...at("keypad").children, ...at("troubles").children]) {
    button.disabled = button.dataset.trouble === "go_away" && !standIn;
  }
}

async function over(words) {
  onTheLine = false;
  answeredAt = null;
  transcript.over();
  const closing = sound;
  const focus = document.activeElement;
  sound = null;
  mute(false);
  for (const button of [at("hang-up"), at("mute"), ...at("keypad").children, ...at("troubles").children]) button.disabled = true;
  show("you", QUIET_DB);
  show("agent-level", QUIET_DB);
  ready(words.replace(/\.\.$/, "."));
  if (focus?.disabled) at("dial").focus(); // else a keyboard would begin at the top again
  await closing?.close();
}

function mute(on) {
  muted = on;
  sound?.mute(on);
  at("mute").setAttribute("aria-pressed", String(on));
}

function showAgent({ text, version, said, good }) {
  agentVersion = version;
  at("agent-text").value = text;
  at("agent-said").textContent = said;
  at("agent-said").classList.toggle("bad", !good);
}

function showClock() {
  const seconds = answeredAt === null ? 0 : Math.floor((Date.now() - answeredAt) / 1000);
  at("clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function show(meter, level) {
  at(meter).value = Math.max(QUIET_DB, level);
}

function ready(words) {
  say(words);
  at("dial").disabled = false;
}

function say(words) {
  at("status").textContent = words;
}

function complain(words) {
  at("trouble-said").textContent = words;
  at("trouble-said").hidden = !words;
}
