"""What is said: the caller's audio up, the model's audio down, and who said what."""

from typing import assert_never

from ringdown.calls import Speaker
from stream_handler.call import model_config
from stream_handler.call.actions import (
    ClearPlayback,
    PlayAudio,
    PlayRingback,
    SendMark,
    SendModelAudio,
    SendModelText,
)
from stream_handler.call.closing import Closing
from stream_handler.call.deadlines import Timer
from stream_handler.call.events import (
    CallerAudio,
    MarkReceived,
    ModelAudio,
    TranscriptReceived,
)
from stream_handler.call.limits import Limits
from stream_handler.call.model_link import LinkState
from stream_handler.call.parts import Parts
from stream_handler.call.replay_ring import in_chunks
from stream_handler.call.ringing import ring_of
from stream_handler.call.speech import SpeechStarted, SpeechStopped
from stream_handler.call.waiting import Waiting

_BYTES_PER_CALLER_MS = 32  # PCM16 at 16 kHz
_BARGE_IN_WINDOW_MS = 3_000.0
_FIRST_RING_MS = 600.0  # a model that is quick needs no ring


class Conversation:
    """Carries the audio and keeps the transcript."""

    def __init__(self, parts: Parts, closing: Closing, limits: Limits, waiting: Waiting) -> None:
        self._parts = parts
        self._closing = closing
        self._limits = limits
        self._waiting = waiting
        self._ringing = False

    # Until the model speaks

    def begin_ringback(self) -> None:
        self._parts.start(Timer.RINGBACK, _FIRST_RING_MS)

    def ring(self) -> None:
        self._ringing = True
        ring = ring_of(self._parts.call.called)
        self._parts.do(PlayRingback(ring))
        self._parts.start(Timer.RINGBACK, ring.every_ms)

    def _stop_ringing(self) -> None:
        self._parts.cancel(Timer.RINGBACK, Timer.FIRST_WORD, Timer.HANDED_OVER)
        if self._ringing:
            self._ringing = False
            self._parts.do(ClearPlayback())

    # The caller

    def caller_audio(self, event: CallerAudio) -> None:
        parts = self._parts
        length_ms = len(event.pcm) / _BYTES_PER_CALLER_MS
        change = parts.speech.frame(event.at_ms, event.level_dbfs, length_ms)
        if change is not None:
            self._speech_changed(change, event.at_ms)
        if parts.link.state is LinkState.CONNECTING and not parts.turns.agent_has_spoken:
            return
        if parts.greeting.expired(event.at_ms):
            self._greeting_over(event.at_ms)
        pcm = event.pcm
        if parts.keypad.hides_the_caller:
            pcm = bytes(len(pcm))
        elif parts.greeting.playing:
            parts.greeting.hold(event.at_ms, pcm)
            pcm = bytes(len(pcm))
        else:
            parts.ring.keep(event.at_ms, pcm)
        if parts.link.listening:
            self._parts.do(SendModelAudio(pcm))

    def _speech_changed(self, change: SpeechStarted | SpeechStopped, at_ms: float) -> None:
        parts = self._parts
        match change:
            case SpeechStarted(onset_ms):
                parts.turns.caller_speech_started(onset_ms)
                parts.greeting.caller_spoke(onset_ms)
                self._limits.caller_acted()
                parts.cancel(Timer.GOODBYE_ANSWERED, Timer.HANDED_OVER)
                if parts.link.state is LinkState.RECONNECTING and not parts.playback.idle:
                    self.interrupted(at_ms)  # there is no model to notice it
            case SpeechStopped(end_ms):
                parts.turns.caller_speech_stopped(end_ms)
                parts.greeting.caller_stopped(end_ms)
                self._closing.caller_stopped_speaking()
            case _:
                assert_never(change)

    # The model

    def open(self, at_ms: float) -> None:
        """Have the model speak the first words."""
        parts = self._parts
        self._parts.do(SendModelText(model_config.opening_prompt(parts.call, parts.history, at_ms)))
        parts.start(Timer.FIRST_WORD)

    def go_on_listening(self) -> None:
        """The stream before ended where the caller was to speak: they need not notice anything.

        What they said while no stream was there is lost: if they wait now, the agent will speak.
        """
        self._stop_ringing()
        if not self._parts.speech.speaking:
            self._parts.start(Timer.HANDED_OVER)

    def nobody_speaks(self, at_ms: float) -> None:
        parts = self._parts
        if parts.link.listening and not parts.turns.caller_waits:
            parts.watchdog.asked()
            self._parts.do(
                SendModelText(model_config.opening_prompt(parts.call, parts.history, at_ms))
            )

    def model_audio(self, event: ModelAudio) -> None:
        parts = self._parts
        if not parts.link.generating:
            parts.cancel(Timer.ANSWER)
        if not parts.link.audio(event.at_ms) or not event.mulaw:
            return
        parts.watchdog.model_acted()
        self._stop_ringing()
        self._waiting.stop()
        turns = parts.turns.agent_audio(
            event.at_ms, parts.playback.sent, len(event.mulaw), parts.speech.last_voiced_ms
        )
        self._play(event.mulaw, event.at_ms)
        self._closing.agent_spoke()
        self._parts.save(turns=turns)

    def _play(self, mulaw: bytes, at_ms: float) -> None:
        """In pieces, so that marks are never further apart than the estimate allows."""
        playback = self._parts.playback
        while mulaw:
            room = playback.until_mark
            piece, mulaw = mulaw[:room], mulaw[room:]
            mark = playback.add(len(piece), at_ms)
            self._parts.do(PlayAudio(piece))
            if mark is not None:
                self._parts.do(SendMark(mark))

    def interrupted(self, at_ms: float) -> None:
        parts = self._parts
        parts.link.interrupted(at_ms)
        self._waiting.stop()
        if not parts.playback.idle:
            self._parts.do(ClearPlayback())
        heard_to = parts.playback.clear(at_ms)
        turns = parts.turns.agent_interrupted(at_ms, heard_to, self._barge_in_ms(at_ms))
        self._parts.save(turns=turns)
        self._closing.withdraw_goodbye()
        self._greeting_over(at_ms)

    def _barge_in_ms(self, at_ms: float) -> float | None:
        onset_ms = self._parts.speech.onset_ms
        if onset_ms is None or at_ms - onset_ms > _BARGE_IN_WINDOW_MS:
            return None
        return at_ms - onset_ms

    def generation_completed(self, at_ms: float) -> None:
        parts = self._parts
        parts.link.generation_completed()
        parts.turns.agent_complete()
        mark = parts.playback.complete()
        if mark is not None:
            self._parts.do(SendMark(mark))
        self._closing.generation_completed(at_ms)
        self._after_playback(at_ms)

    def turn_completed(self, at_ms: float) -> None:
        self.generation_completed(at_ms)
        self._parts.turns.agent_turn_over()
        self._parts.link.turn_completed()

    def mark_received(self, event: MarkReceived) -> None:
        if self._parts.playback.mark_received(event.name, event.at_ms):
            self._after_playback(event.at_ms)

    def _after_playback(self, at_ms: float) -> None:
        """More has been heard, or no more will come: close what that completes."""
        parts = self._parts
        self._parts.save(turns=parts.turns.agent_heard(at_ms, parts.playback.heard(at_ms)))
        if parts.turns.agent_has_spoken and parts.playback.idle and not parts.link.generating:
            self._greeting_over(at_ms)
        self._closing.after_playback(at_ms)

    def _greeting_over(self, at_ms: float) -> None:
        """From now on the model hears the caller, and first what they said over the greeting."""
        parts = self._parts
        if not parts.greeting.playing:
            return
        pcm = parts.greeting.over()
        if parts.keypad.hides_the_caller:
            return
        for chunk in in_chunks(pcm):
            parts.ring.keep(at_ms, chunk)
            if parts.link.listening:
                self._parts.do(SendModelAudio(chunk))

    def transcript(self, event: TranscriptReceived) -> None:
        parts = self._parts
        match event.speaker:
            case Speaker.CALLER if parts.keypad.hides_the_caller:
                return
            case Speaker.CALLER:
                self._limits.caller_acted()  # perhaps too softly to be noticed before
                self._parts.save(turns=parts.turns.caller_text(event.text, event.at_ms))
            case Speaker.AGENT:
                self._parts.save(turns=parts.turns.agent_text(event.text))
            case _:
                assert_never(event.speaker)
