// The telephone's buttons and texts. Audio is in sound.js, the connection in link.js. The agent's form
// is a page of the console.

import { Link } from "./link.js";
import { Mobile } from "./mobile.js";
import { Sound, SoundFailed } from "./sound.js";
import { Transcript } from "./transcript.js";
import { Voice } from "./voices.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const FRAME = 160;
const FRAME_MS = 20;
const SUGGESTIONS = 5;

const at = (id) => document.getElementById(id);
const transcript = new Transcript(at("transcript"), at("events"), at("nothing-yet"));
const voices = { caller: new Voice(at("voice-of-caller")), agent: new Voice(at("voice-of-agent")) };
const mobile = new Mobile(at("mobile"));

let link;
let sound = null;
let onTheLine = false; // from dialling to the end
let muted = false;
let answeredAt = null;
let isStandIn = true;
let suggestions = []; // unsaid ones come first
let saying = []; // frames of the synthetic caller's sentence, to draw its voice

for (const key of KEYS) {
  const button = make("button", key);
  button.type = "button";
  button.setAttribute("aria-label", { "*": "star", "#": "pound" }[key] ?? key);
  button.disabled = true;
  button.addEventListener("click", () => link.tell({ do: "press", key }));
  at("keypad").append(button);
}

at("dial").addEventListener("click", dial);
at("hang-up").addEventListener("click", () => link.tell({ do: "hang_up" }));
at("mute").addEventListener("click", () => mute(!muted));
for (const button of at("troubles").children) {
  button.addEventListener("click", () => link.tell({ do: "trouble", what: button.dataset.trouble }));
}
for (const id of ["called", "caller"]) at(id).addEventListener("input", showNumber);
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("textarea, input, select");
  if (answeredAt !== null && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && KEYS.includes(event.key)) {
    link.tell({ do: "press", key: event.key });
  }
});

connect();
setInterval(showClock, 250);
setInterval(showSaying, FRAME_MS);

function connect() {
  link = new Link({ onMessage, onFrame, onLost });
}

function onMessage(message) {
  switch (message.is) {
    case "line": return lineReady(message);
    case "call": return callChanged(message);
    case "answering": return showAnswering(message);
    case "event": return transcript.event(message);
    case "lost": return transcript.lost(message);
    case "saying": return transcript.saying(message);
    case "turn": return transcript.turn(message);
    case "tool": return transcript.tool(message);
    case "text": return mobile.text(message);
    case "problem": return complain(message.words);
  }
}

function onFrame(samples) {
  if (!sound) return;
  if (samples.length === FRAME) {
    sound.play("agent", samples);
    voices.agent.hear(samples);
    return;
  }
  sound.play("caller", samples);
  for (let i = 0; i < samples.length; i += FRAME) saying.push(samples.subarray(i, i + FRAME));
}

async function onLost() {
  await over("Lost the line: `make talk` was stopped, or this computer slept. Start it again and reload the page.");
  at("dial").disabled = true;
}

function lineReady({ callers, numbers, suggestions: first, phrases, pictures, is_stand_in: standIn }) {
  isStandIn = standIn;
  at("model").textContent = isStandIn
    ? "The model is a stand-in that knows the sentences below. To talk to the real model, set GEMINI_API_KEY."
    : "You'll talk to the real model.";
  offer("callers", "caller", callers);
  offer("numbers", "called", numbers);
  showNumber();
  suggestions = first;
  at("phrases-box").hidden = false;
  at("phrases").replaceChildren(...phrases.map(sentence));
  showSuggestions();
  mobile.start(pictures);
  ready("Call, then talk or click sentences.");
}

function offer(list, input, choices) {
  at(list).replaceChildren(...Object.entries(choices).map(([number, words]) => {
    const option = make("option", words);
    option.value = number;
    return option;
  }));
  at(input).value ||= Object.keys(choices)[0];
}

function showNumber() {
  at("number").textContent = at("called").value;
}

function sentence(text) {
  const button = make("button", text);
  button.type = "button";
  button.disabled = answeredAt === null;
  button.addEventListener("click", () => {
    link.tell({ do: "speak", text });
    if (!suggestions.includes(text)) return;
    const index = [...at("suggestions").children].indexOf(button);
    suggestions = [...suggestions.filter((one) => one !== text), text];
    showSuggestions();
    if (index >= 0) at("suggestions").children[index].focus();
  });
  return button;
}

function showSuggestions() {
  at("suggestions").replaceChildren(...suggestions.slice(0, SUGGESTIONS).map(sentence));
}

function showAnswering({ agent, revision, is_draft: isDraft }) {
  at("answering").hidden = false;
  at("answering").replaceChildren(`Agent ${agent}, revision ${revision} `);
  if (isDraft) at("answering").append(make("b", "draft"), " because you're calling from a tester's number");
}

async function dial() {
  complain("");
  at("dial").disabled = true;
  say("Starting the sound …");
  try {
    sound = await Sound.open(onSpoken, (words) => { at("phrases-help").textContent = words; });
  } catch (error) {
    if (!(error instanceof SoundFailed)) throw error;
    complain(error.message);
    ready("Not connected.");
    at("dial").focus();
    return;
  }
  transcript.clear();
  mobile.clear();
  for (const id of ["afterwards", "answering"]) at(id).hidden = true;
  onTheLine = true;
  show(true);
  at("hang-up").focus();
  link.tell({ do: "dial", caller: at("caller").value, called: at("called").value, at: at("at").value });
}

// Show what is only used during a call, or hide it.
function show(inCall) {
  document.body.classList.toggle("talking", inCall);
  at("dial").hidden = inCall;
  at("hang-up").hidden = !inCall;
  at("hang-up").disabled = !inCall;
  at("voices").hidden = !inCall;
  for (const voice of Object.values(voices)) voice.clear();
  for (const id of ["clock", "mute", "keypad-box"]) at(id).hidden = true;
}

function onSpoken(frame) {
  if (!saying.length) voices.caller.hear(frame);
  if (onTheLine) link.send(frame);
}

// Draw the sentence's next frame; called at the line's pace.
function showSaying() {
  if (saying.length) voices.caller.hear(saying.shift());
}

async function callChanged({ status, words, page, figures, problems }) {
  if (status === "ringing") return say("Ringing …");
  if (status === "answered") return answered();
  if (status === "refused") {
    complain(words);
    return over("Not connected.");
  }
  await over(words ? `Call ended: ${words}.` : "Call ended.");
  if (page) showAfterwards(page, figures, problems);
}

function showAfterwards(page, figures, problems) {
  at("afterwards").hidden = false;
  at("call-page").href = page;
  at("figures").replaceChildren(...figures.map(({ name, value, note }) => {
    const figure = document.createElement("div");
    figure.append(make("dt", name), make("dd", value));
    figure.title = note;
    return figure;
  }));
  at("call-problems").replaceChildren(...problems.map((problem) => make("li", problem)));
}

function answered() {
  answeredAt = Date.now();
  say(sound?.microphone ? "Connected. Talk, or click a sentence." : "Connected. Click a sentence.");
  for (const id of ["clock", "keypad-box"]) at(id).hidden = false;
  at("mute").hidden = !sound?.microphone;
  enable(true);
}

function enable(on) {
  const buttons = document.querySelectorAll("#keypad button, #troubles button, #suggestions button, #phrases button");
  for (const button of buttons) button.disabled = !on || (button.dataset.trouble === "go_away" && !isStandIn);
}

async function over(words) {
  const closing = sound;
  const focus = document.activeElement;
  onTheLine = false;
  answeredAt = null;
  saying = [];
  transcript.over();
  sound = null;
  mute(false);
  enable(false);
  show(false);
  ready(words.replace(/\.\.$/, "."));
  if (focus && focus !== document.body && (focus.disabled || !focus.checkVisibility())) at("dial").focus(); // or keyboard users would start from the top again
  await closing?.close();
}

function mute(on) {
  muted = on;
  sound?.mute(on);
  at("mute").setAttribute("aria-pressed", String(on));
}

function showClock() {
  const seconds = answeredAt === null ? 0 : Math.floor((Date.now() - answeredAt) / 1000);
  at("clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
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

// All text from others passes through here, and never becomes markup.
function make(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}
