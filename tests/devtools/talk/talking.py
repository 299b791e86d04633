"""A person at the page: speaks into a browser's microphone and records its loudspeaker."""

import asyncio
import base64
import enum
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from devtools.ports import listen
from devtools.processes import free_port
from simulators.speech.pcm import Pcm, write_wav
from simulators.speech.synthesis import synthesize
from tests.browser import Tab, open_browser

AGENT = "agent"
"""The page's frame with the agent's form."""
MICROPHONE_HZ = 48_000
SPOKEN_HZ = 16_000
PLAYED_HZ = 8_000
"""The sample rate of `played`."""
READY_WITHIN_S = 60.0

_REFUSE_OTHER_RATES = """
const Context = window.AudioContext;
window.AudioContext = class extends Context {
  constructor(options = {}) {
    if (options.sampleRate) throw new DOMException("Not my rate", "NotSupportedError");
    super(options);
  }
};
"""
"""Some browsers support only their device's rate."""
_RECORD_LOUDSPEAKER = """
window.played = [];
const addModule = AudioWorklet.prototype.addModule;
AudioWorklet.prototype.addModule = async function (name) {
  await addModule.call(this, "microphone-worklet.js");
  await addModule.call(this, name);
};
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode && this instanceof AudioWorkletNode) {
    const options = { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" };
    const tap = new AudioWorkletNode(this.context, "microphone", options);
    tap.port.onmessage = ({ data }) => window.played.push(data);
    connect.call(this, tap);
  }
  return connect.call(this, target, ...rest);
};
"""
"""The page's microphone listens to its loudspeaker, and loses nothing even on a busy machine."""
_SPEAK_INTO_MICROPHONE = """
navigator.mediaDevices.getUserMedia = async () => {
  const context = new AudioContext();
  const microphone = context.createMediaStreamDestination();
  window.say = (text, rate) => new Promise((resolve) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const pcm = new Int16Array(bytes.buffer);
    const sound = context.createBuffer(1, pcm.length, rate);
    sound.getChannelData(0).set(Float32Array.from(pcm, (value) => value / 32768));
    const source = context.createBufferSource();
    source.buffer = sound;
    source.onended = resolve;
    source.connect(microphone);
    source.start();
  });
  await context.resume();
  return microphone.stream;
};
"""
_PLAYED = """
(() => {
  const whole = new Int16Array(window.played.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of window.played)
    for (const value of part) whole[at++] = value;
  const bytes = new Uint8Array(whole.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768)
    text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
})()
"""


@asynccontextmanager
async def talk_running(folder: Path, **environ: str) -> AsyncIterator[str]:
    """Run `python -m devtools talk` in `folder`. Yields the page's URL."""
    port = free_port()
    names = ("PATH", "HOME", "LANG", "PYTHONPATH")
    inherited = {name: os.environ[name] for name in names if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "devtools", "talk"),
        cwd=folder,
        env={**inherited, "TALK_PORT": str(port), "PYTHONUNBUFFERED": "1", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = b""
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while b"Ctrl-C" not in said:
                line = await process.stdout.readline()
                assert line, said.decode()
                said += line
        yield f"http://127.0.0.1:{port}/"
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        rest, _ = await process.communicate()
        assert process.returncode == 0, (said + rest).decode()


def on_a_free_port() -> socket.socket:
    return listen(0, variable="TALK_PORT")


class Microphone(enum.Enum):
    """The kind of microphone that the browser has."""

    SPOKEN_INTO = enum.auto()
    """A microphone that hears the text given to `say`."""
    SILENT = enum.auto()
    FORBIDDEN = enum.auto()
    NONE = enum.auto()


@asynccontextmanager
async def person(url: str, folder: Path, microphone: Microphone) -> AsyncIterator[Tab]:
    """The page in a browser with that microphone."""
    async with open_browser(folder / "profile", options=_options(folder, microphone)) as tab:
        for script in (_REFUSE_OTHER_RATES, _RECORD_LOUDSPEAKER):
            await tab.tell("Page.addScriptToEvaluateOnNewDocument", source=script)
        if microphone is Microphone.SPOKEN_INTO:
            await tab.tell("Page.addScriptToEvaluateOnNewDocument", source=_SPEAK_INTO_MICROPHONE)
        await tab.open(url)
        yield tab


def _options(folder: Path, microphone: Microphone) -> list[str]:
    if microphone is Microphone.NONE:
        return ["--use-fake-ui-for-media-stream"]
    silence = folder / "silence.wav"
    write_wav(silence, MICROPHONE_HZ, np.zeros(MICROPHONE_HZ, np.int16))
    options = [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={silence}",
    ]
    allowed = microphone is not Microphone.FORBIDDEN
    return [*options, "--use-fake-ui-for-media-stream"] if allowed else options


async def say(tab: Tab, sentence: str) -> None:
    """Say the whole sentence into the microphone."""
    pcm = synthesize(sentence, rate_hz=SPOKEN_HZ)
    text = base64.b64encode(pcm.astype("<i2").tobytes()).decode()
    await tab.evaluate(f"window.say({text!r}, {SPOKEN_HZ})")


async def played(tab: Tab) -> Pcm:
    """The loudspeaker's output since the page was opened."""
    return np.frombuffer(base64.b64decode(await tab.evaluate(_PLAYED)), "<i2")


async def press(tab: Tab, label: str) -> None:
    """Click the button with that name; fails if a person couldn't."""
    clicked = await tab.evaluate(
        f"""(() => {{
          const named = (b) => (b.getAttribute("aria-label") ?? b.textContent).trim() === {label!r};
          const button = [...document.querySelectorAll("button")].find(named);
          if (!button || button.disabled) return false;
          button.click();
          return true;
        }})()"""
    )
    assert clicked, f"found no button {label} to press"
