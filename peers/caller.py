"""Plays a caller's script to a client of the Gemini Live stand-in, frame by frame in real time."""

import asyncio
from typing import assert_never

import numpy as np

from simulators.gemini_live.record import SessionRecord
from simulators.gemini_live.server import GeminiLiveServer
from simulators.speech.pcm import Pcm, to_bytes
from simulators.speech.synthesis import synthesize
from simulators.twilio.script import (
    After,
    AgentSilent,
    AgentSpeaking,
    HangUpStep,
    MakeStep,
    PressStep,
    SayStep,
    Script,
    Step,
    WaitForHangupStep,
)

HZ = 16_000
_FRAME_S = 0.02
_FRAME = round(HZ * _FRAME_S)
_SILENCE: Pcm = np.zeros(_FRAME, dtype=np.int16)
_CONNECTED_WITHIN_S = 60.0
_TAKEN_WITHIN_S = 10.0


class GaveUp(Exception):
    """The caller waited in vain; the message says what the stand-in saw."""


class Caller:
    """Speaks into `voice`, a client's standard input, and learns from the stand-in when the agent
    speaks, as a person would by listening."""

    def __init__(
        self, script: Script, server: GeminiLiveServer, voice: asyncio.StreamWriter
    ) -> None:
        self._script = script
        self._server = server
        self._voice = voice
        self._next_s = 0.0
        self._answered = False
        self._speaking_s = self._silent_s = 0.0

    async def play(self) -> None:
        """Play all steps of the script. Raises GaveUp, or ConnectionError if the client ended."""
        try:
            await self._server.session(1, timeout_s=_CONNECTED_WITHIN_S)
        except TimeoutError:
            raise GaveUp("it did not connect") from None
        self._next_s = asyncio.get_running_loop().time()
        for number, step in enumerate(self._script.steps, start=1):
            if not await self._wait(step):
                session = self._server.sessions[-1]
                raise GaveUp(f"step {number} waited {step.timeout_s:g} s: {session.summary()}")
            if isinstance(step.action, SayStep):
                await self._say(step.action.text)

    async def _wait(self, step: Step) -> bool:
        """Stay silent until it is time for the step; False if that never comes."""
        waited_s = 0.0
        while waited_s < step.timeout_s:
            if self._is_time(step, waited_s):
                return True
            await self._send(_SILENCE)
            waited_s += _FRAME_S
        return False

    def _is_time(self, step: Step, waited_s: float) -> bool:
        match step.action:
            case WaitForHangupStep():
                return False
            case PressStep() | MakeStep() | HangUpStep():
                raise NotImplementedError("without a phone, the caller can only speak")
            case SayStep():
                pass
            case _:
                assert_never(step.action)
        match step.when:
            case AgentSilent(seconds):
                return self._answered and self._silent_s >= seconds
            case AgentSpeaking(seconds):
                return self._speaking_s >= seconds
            case After(seconds):
                return waited_s >= seconds
            case None:
                return True
            case _:
                assert_never(step.when)

    async def _say(self, text: str) -> None:
        pcm = await asyncio.to_thread(synthesize, text, rate_hz=HZ, voice=self._script.voice)
        for at in range(0, len(pcm), _FRAME):
            await self._send(pcm[at : at + _FRAME])
        self._answered = False

    async def _send(self, frame: Pcm) -> None:
        self._voice.write(to_bytes(frame))
        try:
            async with asyncio.timeout(_TAKEN_WITHIN_S):
                await self._voice.drain()
        except TimeoutError:
            session = self._server.sessions[-1]
            raise GaveUp(f"it doesn't read the caller's voice: {session.summary()}") from None
        self._listen()
        self._next_s += _FRAME_S
        await asyncio.sleep(self._next_s - asyncio.get_running_loop().time())

    def _listen(self) -> None:
        if _speaks(self._server.sessions[-1]):
            self._answered = True
            self._speaking_s, self._silent_s = self._speaking_s + _FRAME_S, 0.0
        else:
            self._speaking_s, self._silent_s = 0.0, self._silent_s + _FRAME_S


def _speaks(session: SessionRecord) -> bool:
    """Whether a turn has begun that hasn't been played to its end."""
    kinds = (entry.kind for entry in reversed(session.sent))
    return (
        next((kind for kind in kinds if kind in ("AudioChunk", "TurnComplete")), "") == "AudioChunk"
    )
