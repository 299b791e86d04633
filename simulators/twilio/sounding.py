"""Carries out the verbs in which the network itself plays sound to the caller: Say, Play, Pause."""

from dataclasses import dataclass

from simulators.speech.synthesis import SpeechError

from .alerts import Alert, AlertCode
from .announcements import announced
from .events import EventLog
from .line import Line
from .playout import PlayoutBuffer
from .sound_files import SoundRefused, read_sound
from .tones import keypad
from .twiml import Pause, Play, Say
from .webhook_client import WebhookClient

_MOST_LOOPS = 1000
_APOLOGY = "We are sorry. An application error has occurred. Goodbye."
_FOR_EVER_S = 24 * 3600.0


class Nobody:
    """The far end while the network itself speaks: the caller isn't heard."""

    def hear(self, frame: bytes | None) -> None:
        pass

    def played(self, frame: bytes, marks: tuple[str, ...]) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Sounding:
    """Plays sound to the caller; each method returns when the sound is over."""

    line: Line
    log: EventLog
    client: WebhookClient

    async def say(self, say: Say) -> None:
        try:
            audio = await announced(say.text, say.language, say.voice)
        except SpeechError as error:
            self.log.alert(Alert(AlertCode.SCHEMA_WARNING, f"<Say>: {error}"))
            return
        await self._play(audio, say.loop)

    async def apologise(self) -> None:
        await self.sound(await announced(_APOLOGY, "en-US", "man"))

    async def play(self, play: Play) -> Alert | None:
        """Play a sound; returns an alert if it can't be played."""
        if play.digits:
            await self._play(keypad(play.digits), play.loop)
        if play.url is None:
            return None
        response = await self.client.get(play.url)
        try:
            audio = read_sound(play.url, response)
        except SoundRefused as refused:
            self.log.alert(refused.alert)
            return refused.alert
        await self._play(audio, play.loop)
        return None

    async def pause(self, pause: Pause) -> None:
        await self.line.until(lambda: False, pause.length_s)

    async def sound(self, audio: bytes) -> None:
        """Play µ-law audio to the caller, and return when it is over."""
        playout = PlayoutBuffer()
        playout.append(audio)
        self.line.connect(playout, Nobody())
        try:
            await self.line.until(lambda: playout.finished, _FOR_EVER_S)
        finally:
            self.line.disconnect()

    async def _play(self, audio: bytes, loop: int) -> None:
        for _ in range(loop or _MOST_LOOPS):
            await self.sound(audio)
