"""The person who calls: what they do, and what they notice."""

from collections.abc import Callable, Sequence
from pathlib import Path

from simulators.speech import mulaw
from simulators.speech.pcm import Pcm
from simulators.speech.synthesis import Voice

from .alerts import Alert
from .announcements import spoken
from .call_flow import EndReason
from .events import (
    AlertRaised,
    CallEnded,
    CallEvent,
    EventLog,
    Party,
    SpeechStarted,
    SpeechStopped,
)
from .identity import CallIdentity
from .line import Line, LineClosed
from .microphone import Utterance
from .noises import Noise, noise
from .recording import Recording
from .session import Session
from .stream_socket import StreamSocket

_KEYS = frozenset("0123456789*#w")
_KEY_S = 0.24  # from key to key, for quick fingers
_WAIT_S = 0.5
_FOR_EVER_S = 24 * 3600.0


class CallError(Exception):
    """Something the caller waited for didn't happen; the message says what was heard."""


class NoticeTimeout(CallError):
    """What the caller waited for didn't happen in time."""


class CallOver(CallError):
    """The call ended while the caller was waiting."""


class Call:
    """A call in progress, as the caller experiences it.

    Timeouts are in call time: a wait raises `NoticeTimeout` when the time is up, and `CallOver` if
    the call ends first. All `*_ms` are positions in the recording, which begins when the call is
    answered.
    """

    def __init__(
        self, identity: CallIdentity, session: Session, line: Line, log: EventLog, voice: Voice
    ) -> None:
        self.identity = identity
        self.utterances: list[Utterance] = []
        self._session = session
        self._line = line
        self._log = log
        self._voice = voice

    # -- what the caller does

    async def start_saying(self, what: str | Pcm, *, text: str = "") -> Utterance:
        """Start saying a text, or 8 kHz samples that are logged as `text`, without waiting."""
        if isinstance(what, str):
            text = text or what
            audio = await spoken(what, self._voice)
        else:
            audio = mulaw.encode(what)
        if self._line.closed:
            raise CallOver(self._story("the caller's turn to speak"))
        utterance = self._line.microphone.say(text, audio)
        self.utterances.append(utterance)
        return utterance

    async def say(self, what: str | Pcm, *, text: str = "") -> Utterance:
        """Like `start_saying`, but wait until it has been said."""
        utterance = await self.start_saying(what, text=text)
        await self.spoken(utterance)
        return utterance

    async def spoken(self, utterance: Utterance) -> None:
        """Wait until a sentence started with `start_saying` has been said."""
        what = f"{utterance.text!r} to be said"
        await self._until(lambda: utterance.end_ms is not None, _FOR_EVER_S, what)

    async def make(self, kind: Noise) -> Utterance:
        """Make a wordless noise, and return when it has died away."""
        return await self.say(noise(kind), text=f"({kind})")

    def hush(self) -> None:
        """Stop speaking, even in the middle of a sentence."""
        self._line.microphone.hush(self._line.position_ms or 0)

    async def press(self, keys: str) -> None:
        """Press keys one after another; `w` waits half a second.

        Keys only reach an open stream; without one they are lost.
        """
        if set(keys) - _KEYS:
            raise ValueError(f"{keys!r} has keys other than {''.join(sorted(_KEYS))}")
        for key in keys:
            if key != "w":
                self._session.press(key)
            await self.wait(_WAIT_S if key == "w" else _KEY_S)

    async def hang_up(self) -> None:
        """Hang up and wait until the network has noticed."""
        self._session.hang_up()
        await self.ended(timeout_s=_FOR_EVER_S)

    # -- what the caller notices

    @property
    def now_ms(self) -> int:
        """The position in the recording; 0 until the call is answered."""
        return self._line.position_ms or 0

    async def answered(self, timeout_s: float = 30.0) -> None:
        """Wait until the call is answered."""
        what = "the call to be answered"
        await self._until(lambda: self._line.position_ms is not None, timeout_s, what)

    async def agent_started_speaking(self, timeout_s: float = 15.0) -> int:
        """Wait for the agent's reply to what the caller did last; return the time it began.

        Returns immediately if the reply has begun. A ringing tone isn't a reply.
        """
        attention = self._line.attention
        what = "the agent to speak"
        await self._until(lambda: attention.answer_began_ms is not None, timeout_s, what)
        return attention.answer_began_ms or 0

    async def agent_speaking_for(self, seconds: float, timeout_s: float = 30.0) -> None:
        """Wait until the agent has been replying for `seconds` without a pause."""
        attention, what = self._line.attention, f"the agent to speak for {seconds:g} s"
        wanted_ms = seconds * 1000
        await self._until(
            lambda: attention.speaking_for_ms(self.now_ms) >= wanted_ms, timeout_s, what
        )

    async def agent_silent_for(self, seconds: float, timeout_s: float = 30.0) -> None:
        """Wait until the agent has replied and then been silent for `seconds`."""
        attention = self._line.attention
        what = f"the agent to reply and then be silent for {seconds:g} s"
        wanted_ms = seconds * 1000
        await self._until(
            lambda: attention.silent_for_ms(self.now_ms) >= wanted_ms, timeout_s, what
        )

    async def ended(self, timeout_s: float = 60.0) -> EndReason:
        """Wait until either side ends the call."""
        try:
            in_time = await self._line.until(lambda: self._line.closed, timeout_s)
        except LineClosed:
            in_time = True
        if not in_time:
            raise NoticeTimeout(self._story("the call to end", timeout_s))
        ending = self._ending()
        return EndReason.CALLER_HUNG_UP if ending is None else ending.reason

    async def wait(self, seconds: float) -> None:
        """Let time pass on the line."""
        try:
            await self._line.until(lambda: False, seconds)
        except LineClosed:
            raise CallOver(self._story(f"{seconds:g} s to pass")) from None

    # -- what has happened

    @property
    def events(self) -> tuple[CallEvent, ...]:
        return tuple(self._log.events)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What Twilio's debugger would show, in order."""
        return self._log.alerts()

    @property
    def recording(self) -> Recording:
        return self._line.recording

    @property
    def end_reason(self) -> EndReason | None:
        """None while the call lasts."""
        ending = self._ending()
        return None if ending is None else ending.reason

    @property
    def most_late_ms(self) -> int:
        """The longest delay of any of this phone's frames; it should send one every 20 ms.

        A delay of more than a few frames means that the machine is too busy for real-time calls.
        """
        return round(self._line.most_late_ms)

    def write_wav(self, path: Path) -> None:
        """Write both sides as 8 kHz stereo: the caller on the left, the agent on the right."""
        self._line.recording.write_wav(path)

    # -- faults of the network, on demand

    def stall_stream(self, *, reading: bool = True, sending: bool = True) -> None:
        """Leave the open stream half dead: it stays connected, but nothing is read (not even pings)
        and no audio is sent."""
        self._stream().stall(reading=reading, sending=sending)

    def resume_stream(self) -> None:
        self._stream().resume()

    def drop_stream(self) -> None:
        """Drop the open stream without a close frame."""
        self._stream().drop()

    def _stream(self) -> StreamSocket:
        socket = self._session.streaming.socket
        if socket is None:
            raise CallError("no stream is open")
        return socket

    async def _until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        try:
            in_time = await self._line.until(condition, timeout_s)
        except LineClosed:
            raise CallOver(self._story(what)) from None
        if not in_time:
            raise NoticeTimeout(self._story(what, timeout_s))

    def _ending(self) -> CallEnded | None:
        last = (event for event in reversed(self._log.events) if isinstance(event, CallEnded))
        return next(last, None)

    def _story(self, what: str, timeout_s: float | None = None) -> str:
        ending = self._ending()
        if timeout_s is not None:
            waited = f"waited {timeout_s:g} s for {what}"
        else:
            reason = ending.reason.value if ending else "?"
            waited = f"waited for {what}, but the call ended ({reason})"
        return f"{waited}; {_heard(self._log.events, self._line.position_ms)}"


def _heard(events: Sequence[CallEvent], now_ms: int | None) -> str:
    """Describe what the caller heard. Times are seconds into the recording.

    `now_ms` is None if the call wasn't answered.
    """
    if now_ms is None:
        heard = "the call was never answered"
    else:
        spans = [
            f"{event.started_ms / 1000:.1f}-{event.stopped_ms / 1000:.1f} s"
            for event in events
            if isinstance(event, SpeechStopped) and event.who is Party.AGENT
        ]
        if _speaking(events):
            spans.append("and is still speaking")
        spoke = "the agent spoke at " + ", ".join(spans) if spans else "the agent never spoke"
        heard = f"{spoke}; it is now {now_ms / 1000:.1f} s"
    alerts = [str(event.alert) for event in events if isinstance(event, AlertRaised)]
    return heard + (f"; alerts: {'; '.join(alerts)}" if alerts else "")


def _speaking(events: Sequence[CallEvent]) -> bool:
    for event in reversed(events):
        if isinstance(event, SpeechStarted | SpeechStopped) and event.who is Party.AGENT:
            return isinstance(event, SpeechStarted)
    return False
