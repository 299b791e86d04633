"""Converts text to speech off the event loop, for `<Say>` and for the people on the line."""

import asyncio

from simulators.speech import mulaw
from simulators.speech.synthesis import SpeechError, Voice, synthesize

from .recording import RATE_HZ


async def spoken(text: str, voice: Voice) -> bytes:
    """Return `text` as speech in 8 kHz µ-law.

    Raises:
        SpeechError: the voice is unknown, or the text contains nothing to say.
    """
    pcm = await asyncio.to_thread(synthesize, text, rate_hz=RATE_HZ, voice=voice)
    return mulaw.encode(pcm)


async def announced(text: str, language: str, voice: str) -> bytes:
    """Return `text` as `<Say>` speaks it, in the available voice closest to the language tag."""
    variant = "" if voice == "man" else "+f4"
    primary = language.partition("-")[0]
    for name in (language.lower(), primary):
        try:
            return await spoken(text, Voice(name + variant))
        except SpeechError:
            continue
    return await spoken(text, Voice("en-us" + variant))
