"""Carries out the verbs that the network itself voices: Say, Play, Pause, Dial."""

import re
from dataclasses import dataclass

from simulators.speech.synthesis import SpeechError, Voice

from .alerts import Alert, AlertCode
from .announcements import announced, spoken
from .call_flow import DialEnded, DialStatus
from .dialled import Answers, CannotBeReached, DialledParty, DoesNotAnswer, IsBusy
from .events import DialledPartyEnded, EventLog
from .identity import CallIdentity, new_sid
from .line import Line
from .playout import PlayoutBuffer
from .recording import RATE_HZ
from .settings import NetworkSettings
from .sound_files import SoundRefused, read_sound
from .tones import keypad, ringback
from .twiml import Dial, Pause, Play, Say
from .webhook_client import WebhookClient

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_WITHHELD = frozenset({"+266696687", "+2562533", "+7378742833", "+86282452253", "+8656696"})
"""What a caller without a number comes from: ANONYMOUS, BLOCKED, RESTRICTED, UNAVAILABLE, UNKNOWN
(https://help.twilio.com/articles/223179988)."""
_MOST_LOOPS = 1000
_APOLOGY = "We are sorry. An application error has occurred. Goodbye."
_FOR_EVER_S = 24 * 3600.0


class Nobody:
    """The far end while the network itself speaks: nobody hears the caller."""

    def hear(self, frame: bytes) -> None:
        pass

    def played(self, frame: bytes, marks: tuple[str, ...]) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Sounding:
    """All last as long as what is heard."""

    line: Line
    log: EventLog
    client: WebhookClient
    identity: CallIdentity
    settings: NetworkSettings

    async def say(self, say: Say) -> None:
        try:
            audio = await announced(say.text, say.language, say.voice)
        except SpeechError as error:
            self.log.alert(Alert(AlertCode.SCHEMA_WARNING, f"<Say>: {error}"))
            return
        await self._play(audio, say.loop)

    async def apologise(self) -> None:
        await self._play(await announced(_APOLOGY, "en-US", "man"), 1)

    async def play(self, play: Play) -> None:
        if play.digits:
            await self._play(keypad(play.digits), play.loop)
        if play.url is None:
            return
        response = await self.client.get(play.url)
        try:
            audio = read_sound(play.url, response)
        except SoundRefused as refused:
            self.log.alert(refused.alert)
            return
        await self._play(audio, play.loop)

    async def pause(self, pause: Pause) -> None:
        await self._wait(pause.length_s)

    async def dial(self, dial: Dial) -> DialEnded:
        """Ring a number; ends when the dialled party does, not when the caller hangs up."""
        call_sid = new_sid("CA")
        alert = self._objection(dial)
        if alert is not None:
            self.log.alert(alert)
            ended = DialEnded(DialStatus.FAILED, call_sid)
        else:
            party = self.settings.dialled.get(dial.number, DoesNotAnswer())
            ended = await self._ring(dial, party, call_sid)
        event = DialledPartyEnded(self.log.now(), dial.number, ended.status, ended.duration_s)
        self.log.add(event)
        return ended

    def _objection(self, dial: Dial) -> Alert | None:
        if not _E164.fullmatch(dial.number):
            detail = f"<Dial>: {dial.number!r} is not a number in E.164 form"
            return Alert(AlertCode.DIAL_INVALID_NUMBER, detail)
        objection = self._objection_to_caller_id(dial.caller_id)
        return None if objection is None else Alert(AlertCode.DIAL_INVALID_CALLER_ID, objection)

    def _objection_to_caller_id(self, caller_id: str | None) -> str | None:
        """What is wrong with it; without one, the caller's own goes along."""
        shown = self.identity.from_ if caller_id is None else caller_id
        if not _E164.fullmatch(shown) or shown in _WITHHELD:
            given = "without callerId passes on" if caller_id is None else "has the callerId"
            return f"<Dial> {given} {shown!r}, which isn't a telephone number"
        if shown not in {self.identity.from_, self.identity.to} | self.settings.verified_caller_ids:
            return f"<Dial callerId={shown!r}> isn't a number of this call or account"
        return None

    async def _ring(self, dial: Dial, party: DialledParty, call_sid: str) -> DialEnded:
        match party:
            case CannotBeReached():
                return DialEnded(DialStatus.FAILED, call_sid)
            case IsBusy(after_s):
                await self._ringing(min(after_s, dial.timeout_s))
                return DialEnded(DialStatus.BUSY, call_sid)
            case Answers() if party.after_s <= dial.timeout_s:
                await self._ringing(party.after_s)
                return await self._talk(dial, party, call_sid)
            case DoesNotAnswer() | Answers():
                await self._ringing(dial.timeout_s)
                return DialEnded(DialStatus.NO_ANSWER, call_sid)

    async def _talk(self, dial: Dial, party: Answers, call_sid: str) -> DialEnded:
        began = self.line.ticks
        await self._play(await spoken(party.says, Voice()), 1)
        stays_s = dial.time_limit_s if party.stays_s is None else party.stays_s
        await self._wait(stays_s)
        duration_s = -(-(self.line.ticks - began) // 50)
        return DialEnded(DialStatus.COMPLETED, call_sid, duration_s)

    async def _ringing(self, seconds: float) -> None:
        playout = PlayoutBuffer()
        cadence = ringback()
        playout.append(cadence * (1 + int(seconds * RATE_HZ) // len(cadence)))
        self.line.connect(playout, Nobody())
        try:
            await self._wait(seconds)
        finally:
            self.line.disconnect()

    async def _play(self, audio: bytes, loop: int) -> None:
        for _ in range(loop or _MOST_LOOPS):
            await self._play_once(audio)

    async def _play_once(self, audio: bytes) -> None:
        playout = PlayoutBuffer()
        playout.append(audio)
        self.line.connect(playout, Nobody())
        try:
            await self.line.until(lambda: playout.finished, _FOR_EVER_S)
        finally:
            self.line.disconnect()

    async def _wait(self, seconds: float) -> None:
        await self.line.until(lambda: False, seconds)
