"""Shows the model what the caller sends from their phone, once, when no one is speaking.

A picture is sent as a frame and a text as a line; then the model is asked to speak about them. A
session that replaces another is shown whatever it doesn't know. Until the caller has spoken after
that, the model may not call anything: whatever a picture says, the caller has a say before anything
is done.
"""

from dataclasses import dataclass, field

from ringdown.calls import Speaker, Turn
from stream_handler.call import prompts
from stream_handler.call.actions import SendModelImage
from stream_handler.call.effects import Effects
from stream_handler.call.events import PictureReceived, TextReceived
from stream_handler.call.limits import Limits
from stream_handler.call.situation import Situation
from stream_handler.call.state import CallState
from stream_handler.call.timers import Timer
from stream_handler.call.transcript import Transcript
from stream_handler.call.watchdog import Watchdog

UploadReceived = PictureReceived | TextReceived


@dataclass(slots=True)
class _Shown:
    upload: UploadReceived
    at_ms: float
    """When the model was first shown it."""
    in_earlier_stream: bool = False
    """Whether it was shown in an earlier stream, so that the history says what came of it."""


@dataclass(slots=True, eq=False)
class Uploads:
    """Tracks which uploads the model was shown. The store allows only a few per call."""

    effects: Effects
    state: CallState
    history: tuple[Turn, ...]
    transcript: Transcript
    watchdog: Watchdog
    limits: Limits
    _waiting: dict[int, UploadReceived] = field(init=False, default_factory=dict)
    _shown: dict[int, _Shown] = field(init=False, default_factory=dict)
    _known_until_ms: float = field(init=False, default=-1.0)
    """The session being opened knows everything that was shown before this time."""

    def asked_for(self) -> None:
        """Note that the caller was sent the link, and is silent because they are looking for it."""
        self.state.awaits_upload = True
        self.effects.restart(Timer.UPLOAD)

    def received(self, event: UploadReceived) -> None:
        """Keep the upload until it can be shown, unless an earlier stream has already shown it."""
        if event.n in self._waiting or event.n in self._shown:
            return
        turn = next((turn for turn in self.history if turn.upload == event.n), None)
        if turn is None:
            self._waiting[event.n] = event
            return
        self._shown[event.n] = _Shown(event, turn.start_ms, in_earlier_stream=True)
        later = (later for later in self.history if later.n > turn.n and later.upload is None)
        if all(one.speaker is Speaker.AGENT for one in later):
            self.state.unspoken_since_ms = turn.start_ms

    def watch(self, now: Situation, at_ms: float) -> None:
        """Once no one is speaking, show what has arrived, and ask the model to speak about it.

        Not while the model owes a word: another text would make it drop the reply to the first.
        """
        if not (self._waiting and now.may_be_shown) or self.watchdog.owed:
            return
        new = [upload for _, upload in sorted(self._waiting.items())]
        self._waiting.clear()
        for upload in new:
            self._show(upload)
            self._shown[upload.n] = _Shown(upload, at_ms)
            text = prompts.sent_by_caller(upload.n, _text(upload))
            self.effects.save(turns=self.transcript.caller_sent(text, at_ms, upload=upload.n))
        self.state.awaits_upload = False
        self.effects.cancel(Timer.UPLOAD)
        self.limits.caller_acted()
        self.state.unspoken_since_ms = at_ms
        self.watchdog.asked()
        self.effects.tell_model(prompts.uploaded(list(map(_text, new))))

    def session_opens(self, known_until_ms: float) -> None:
        """Note how much of the call the session being opened knows: all until then; -1 for none."""
        self._known_until_ms = known_until_ms

    def session_is_open(self) -> None:
        """Show the new session the pictures it doesn't know. It has the texts in its history."""
        for _, shown in sorted(self._shown.items()):
            if shown.at_ms > self._known_until_ms:
                self._show(shown.upload)

    @property
    def unanswered(self) -> str:
        """What to ask the model if it hasn't spoken since it was shown something; else ""."""
        last_ms = self.state.link.last_audio_ms
        new = [
            shown.upload
            for _, shown in sorted(self._shown.items())
            if shown.at_ms > last_ms and not shown.in_earlier_stream
        ]
        return prompts.uploaded(list(map(_text, new))) if new else ""

    def _show(self, upload: UploadReceived) -> None:
        if isinstance(upload, PictureReceived):
            self.effects.do(SendModelImage(upload.jpeg))


def _text(upload: UploadReceived) -> str | None:
    """Return what the caller typed; None for a picture."""
    return upload.text if isinstance(upload, TextReceived) else None
