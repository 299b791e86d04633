"""How the page processes audio at various browser rates, without a clock or a device."""

import json
from typing import Any

import numpy as np
import pytest

from devtools.talk.line import TalkLine
from devtools.talk.server import serving
from simulators.speech.alignment import align
from simulators.speech.pcm import Pcm
from simulators.speech.resampling import resample
from simulators.speech.synthesis import synthesize
from tests.browser import CHROMIUM, open_page
from tests.devtools.talk.talking import on_a_free_port

pytestmark = [
    pytest.mark.real_clock,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium. Install it: apt-get install chromium"),
]

LINE_HZ = 8_000
SENTENCE = synthesize("Your next delivery is on Thursday.", rate_hz=48_000)

_WORKLET = """
(async () => {
  const made = {};
  globalThis.sampleRate = %(rate_hz)d;
  globalThis.AudioWorkletProcessor = class { port = { postMessage: (frame) => sent.push(frame) }; };
  globalThis.registerProcessor = (name, kind) => { made[name] = kind; };
  const sent = [];
  await import("/%(name)s-worklet.js");
  const processor = new made["%(name)s"]();
  const sound = %(sound)s;
  const give = (part, who = "agent") =>
    processor.port.onmessage({ data: { who, samples: Int16Array.from(part) } });
  %(drive)s
})()
"""
"""A worklet inside the page, where the test can drive its processor step by step."""
_SPEAK = """
  for (let i = 0; i < sound.length; i += 128)
    processor.process([[Float32Array.from(sound.slice(i, i + 128), (value) => value / 32768)]]);
  return sent.flatMap((frame) => [...frame]);
"""
_LISTEN = """
  const heard = [];
  for (let played = 0, given = 0; played / sampleRate < sound.length / 8000; played += 128) {
    for (; given < sound.length && given / 8000 <= played / sampleRate + 0.06; given += 160)
      give(sound.slice(given, given + 160));
    const output = new Float32Array(128);
    processor.process([], [[output]]);
    heard.push(...output);
  }
  return heard.map((value) => Math.round(value * 32768));
"""


async def through(line: TalkLine, name: str, sound: Pcm, rate_hz: int) -> Pcm:
    """The output of the worklet `name` for `sound` in a browser with that rate."""
    drive = {"microphone": _SPEAK, "speaker": _LISTEN}[name]
    values = {"name": name, "rate_hz": rate_hz, "sound": json.dumps(sound.tolist()), "drive": drive}
    async with serving(line, on_a_free_port()) as url, open_page(url) as tab:
        made: Any = await tab.evaluate(_WORKLET % values)
    return np.array(made, np.int16)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
async def test_the_caller_hears_what_came_at_its_pitch(line: TalkLine, rate_hz: int) -> None:
    sound = resample(SENTENCE, from_hz=48_000, to_hz=LINE_HZ)

    played = await through(line, "speaker", sound, rate_hz)

    assert align(sound, played, rate_hz=LINE_HZ, received_hz=rate_hz).why == "intact"


async def test_both_voices_are_heard_at_once(line: TalkLine) -> None:
    """The synthetic caller's sentence arrives in one piece, longer than the agent's queue."""
    sound = resample(SENTENCE, from_hz=48_000, to_hz=LINE_HZ)
    values = {"name": "speaker", "rate_hz": LINE_HZ, "sound": json.dumps(sound.tolist())}
    values["drive"] = f"give(sound, 'caller');{_LISTEN}"
    async with serving(line, on_a_free_port()) as url, open_page(url) as tab:
        both: Any = await tab.evaluate(_WORKLET % values)
    alone = await through(line, "speaker", sound, LINE_HZ)

    caller = np.array(both, np.int32) - alone
    assert (
        align(
            sound,
            np.clip(caller, -32_768, 32_767).astype(np.int16),
            rate_hz=LINE_HZ,
            received_hz=LINE_HZ,
        ).why
        == "intact"
    )


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
async def test_the_line_gets_what_the_caller_says(line: TalkLine, rate_hz: int) -> None:
    sound = resample(SENTENCE, from_hz=48_000, to_hz=rate_hz)

    sent = await through(line, "microphone", sound, rate_hz)

    assert align(sound, sent, rate_hz=rate_hz, received_hz=LINE_HZ).why == "intact"
