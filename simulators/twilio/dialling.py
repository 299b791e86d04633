"""Carries out `<Dial>`: rings a person, plays them what `url` returns, and connects them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from simulators.speech.synthesis import Voice

from .alerts import Alert, AlertCode
from .announcements import spoken
from .call_flow import DialEnded, DialStatus
from .dialled import Answers, CannotBeReached, DialledParty, DoesNotAnswer, IsBusy, Mailbox
from .events import DialledPartyEnded, EventLog
from .identity import CallIdentity, new_sid
from .line import Line
from .playout import PlayoutBuffer
from .recording import RATE_HZ
from .settings import NetworkSettings
from .sounding import Nobody, Sounding
from .tones import beep, ringback
from .twiml import Dial
from .webhook_client import WebhookClient
from .webhooks import Webhook
from .whisper import Whisper

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_ADDRESS = re.compile(r"sips?:[^\s@]+@[^\s@]+|client:[\w.-]{1,256}")
_WITHHELD = frozenset({"+266696687", "+2562533", "+7378742833", "+86282452253", "+8656696"})
"""The numbers that Twilio reports for callers without one: ANONYMOUS, BLOCKED, RESTRICTED,
UNAVAILABLE, UNKNOWN (https://help.twilio.com/articles/223179988)."""
_LONGEST_WHISPER_S = 120.0


@dataclass(frozen=True, slots=True)
class Dialling:
    line: Line
    log: EventLog
    client: WebhookClient
    identity: CallIdentity
    settings: NetworkSettings
    sounding: Sounding
    on_bridge: Callable[[], None]
    """Called when the caller and the dialled person are connected."""

    async def dial(self, dial: Dial) -> DialEnded:
        """Ring a person, and return when they are done. Cancelled if the caller hangs up."""
        call_sid = new_sid("CA")
        alert = self._objection(dial)
        if alert is not None:
            self.log.alert(alert)
            ended = DialEnded(DialStatus.FAILED, call_sid)
        else:
            party = self.settings.dialled.get(dial.number, DoesNotAnswer())
            ended = await self._ring(dial, party, call_sid)
        event = DialledPartyEnded(
            self.log.now(), dial.number, ended.status, ended.duration_s, ended.bridged
        )
        self.log.add(event)
        return ended

    def _objection(self, dial: Dial) -> Alert | None:
        if not (_E164.fullmatch(dial.number) or _ADDRESS.fullmatch(dial.number)):
            detail = f"<Dial>: {dial.number!r} is not a number in E.164 form"
            return Alert(AlertCode.DIAL_INVALID_NUMBER, detail)
        objection = self._objection_to_caller_id(dial.caller_id)
        return None if objection is None else Alert(AlertCode.DIAL_INVALID_CALLER_ID, objection)

    def _objection_to_caller_id(self, caller_id: str | None) -> str | None:
        """Say what is wrong with it, if anything; by default it is the caller's own number."""
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
            case Answers() | Mailbox() if party.after_s <= dial.timeout_s:
                await self._ringing(party.after_s)
                return await self._answered(dial, party, call_sid)
            case DoesNotAnswer() | Answers() | Mailbox():
                await self._ringing(dial.timeout_s)
                return DialEnded(DialStatus.NO_ANSWER, call_sid)

    async def _answered(self, dial: Dial, party: Answers | Mailbox, call_sid: str) -> DialEnded:
        began = self.line.ticks
        connected = dial.url is None or await self._hears_first(dial, dial.url, party, call_sid)
        if connected:
            self.on_bridge()
            await self._talk(dial, party)
        duration_s = -(-(self.line.ticks - began) // 50)
        return DialEnded(DialStatus.COMPLETED, call_sid, duration_s, bridged=connected)

    async def _hears_first(
        self, dial: Dial, url: str, party: Answers | Mailbox, call_sid: str
    ) -> bool:
        """Run the documents at `url` for the person; returns whether to connect them afterwards.

        Only with answerOnBridge does the caller keep hearing the ringing tone."""
        identity = self.identity.dialled(
            call_sid, dial.number, dial.caller_id or self.identity.from_
        )
        whisper = Whisper(party, identity, self.line, self.client, self.log)
        with self._ringback(_LONGEST_WHISPER_S) if dial.answer_on_bridge else nullcontext():
            return await whisper.run(Webhook(url, dial.url_method))

    async def _talk(self, dial: Dial, party: Answers | Mailbox) -> None:
        match party:
            case Mailbox():
                await self.sounding.sound(await spoken(party.greeting, Voice()) + beep())
                await self._wait(min(party.records_s, dial.time_limit_s))
            case Answers():
                await self.sounding.sound(await spoken(party.says, Voice()))
                await self._wait(dial.time_limit_s if party.stays_s is None else party.stays_s)

    async def _ringing(self, seconds: float) -> None:
        with self._ringback(seconds):
            await self._wait(seconds)

    @contextmanager
    def _ringback(self, at_most_s: float) -> Iterator[None]:
        playout = PlayoutBuffer()
        cadence = ringback()
        playout.append(cadence * (1 + int(at_most_s * RATE_HZ) // len(cadence)))
        self.line.connect(playout, Nobody())
        try:
            yield
        finally:
            self.line.disconnect()

    async def _wait(self, seconds: float) -> None:
        await self.line.until(lambda: False, seconds)
