"""The conversation: the caller's audio up, the model's audio down, and who said what."""

from dataclasses import dataclass
from typing import assert_never

from ringdown.calls import Speaker, Turn
from stream_handler.call import prompts
from stream_handler.call.actions import (
    ClearPlayback,
    PlayAudio,
    SendMark,
    SendModelAudio,
)
from stream_handler.call.effects import Effects
from stream_handler.call.events import (
    CallerAudio,
    MarkReceived,
    ModelAudio,
    TranscriptReceived,
)
from stream_handler.call.goodbye import Goodbye
from stream_handler.call.keypad import Keypad
from stream_handler.call.limits import Limits
from stream_handler.call.playback import BYTES_PER_MS, Playback
from stream_handler.call.situation import Survey
from stream_handler.call.speech import (
    PCM_BYTES_PER_MS,
    Greeting,
    ReplayRing,
    SpeechDetector,
    SpeechStarted,
    SpeechStopped,
    in_chunks,
)
from stream_handler.call.state import CallState, LinkState
from stream_handler.call.timers import Timer
from stream_handler.call.transcript import Transcript
from stream_handler.call.waiting import Waiting
from stream_handler.call.watchdog import Watchdog

_LONGEST_LEAD_IN_MS = 250.0
_BARGE_IN_WINDOW_MS = 3_000.0
_ECHO_MS = 300.0  # how long the agent's echo may linger on the caller's line
_SMALL_INTERRUPTION_MS = 600.0
_CUTS_CLIP_MS = 300.0


@dataclass(slots=True, eq=False)
class Conversation:
    """Carries the audio and keeps the transcript."""

    effects: Effects
    state: CallState
    history: tuple[Turn, ...]
    transcript: Transcript
    playback: Playback
    speech: SpeechDetector
    greeting: Greeting
    ring: ReplayRing
    keypad: Keypad
    watchdog: Watchdog
    survey: Survey
    goodbye: Goodbye
    limits: Limits
    waiting: Waiting

    # The caller

    def caller_audio(self, event: CallerAudio) -> bool:
        """Handle a frame; returns whether the caller started or stopped speaking with it.

        This runs fifty times a second, so it must stay cheap. Unless it returns True, nothing that
        others read has changed.
        """
        length_ms = len(event.pcm) / PCM_BYTES_PER_MS
        change = self.speech.frame(event.at_ms, event.level_dbfs, length_ms)
        if change is not None:
            self._speech_changed(change, event.at_ms)
        cut = self.clip_plays and self.speech.spoken_ms >= _CUTS_CLIP_MS and self._cut_clip(event)
        self._send_or_keep(event)
        return change is not None or cut

    def _send_or_keep(self, event: CallerAudio) -> None:
        """Send the model what it may hear; during the greeting and ringing, keep it for later."""
        if self.state.link.state is LinkState.CONNECTING and not self.transcript.agent_has_spoken:
            return
        if self.greeting.expired(event.at_ms):
            self._greeting_over(event.at_ms)
        pcm = event.pcm
        if self.keypad.hides_the_caller:
            pcm = bytes(len(pcm))
        elif self.greeting.playing:
            self.greeting.hold(event.at_ms, pcm)
            pcm = bytes(len(pcm))
        else:
            self.ring.keep(event.at_ms, pcm)
        if self.state.link.listening:
            self.effects.do(SendModelAudio(pcm))

    def _speech_changed(self, change: SpeechStarted | SpeechStopped, at_ms: float) -> None:
        match change:
            case SpeechStarted(onset_ms):
                self.state.spoke_over_agent = (
                    not self.playback.idle or onset_ms - self.playback.idle_since_ms < _ECHO_MS
                )
                self.state.stopped_agent, self.state.utterance = False, None
                self.transcript.caller_speech_started(
                    onset_ms, over_agent=self.state.spoke_over_agent
                )
                self.greeting.caller_spoke(onset_ms)
                self.limits.caller_was_heard(at_ms)
                self.effects.cancel(Timer.GOODBYE_ANSWERED, Timer.HANDED_OVER)
                reconnecting = self.state.link.state is LinkState.RECONNECTING
                if reconnecting and not (self.playback.idle or self.clip_plays):
                    self.interrupted(at_ms)  # no model can notice it yet
            case SpeechStopped(_, end_ms):
                self.state.utterance = change
                asking_ms = self._asking_ms(change)
                self.transcript.caller_speech_stopped(at_ms, end_ms, asking_ms)
                if self.state.stopped_agent and change.length_ms < _SMALL_INTERRUPTION_MS:
                    self.watchdog.cut_short_by_little(self.playback.idle_since_ms)
                if asking_ms >= _SMALL_INTERRUPTION_MS:
                    self._tell_of_speech()
                if change.sounds_spoken:
                    self.state.unspoken_since_ms = None
                self.greeting.caller_stopped(end_ms)
                self.goodbye.caller_stopped_speaking(change.length_ms)
            case _:
                assert_never(change)

    def _asking_ms(self, said: SpeechStopped) -> float:
        """How much of an utterance asks for a reply even if it has no words: sound that seems
        spoken, and isn't an echo of the agent or an "okay" to what it says."""
        if not said.sounds_spoken:
            return 0.0
        if not self.state.spoke_over_agent:
            return said.length_ms
        if self.state.stopped_agent:
            return said.length_ms if said.length_ms >= _SMALL_INTERRUPTION_MS else 0.0
        if not self.playback.idle:
            return 0.0
        return max(said.end_ms - max(said.onset_ms, self.playback.idle_since_ms), 0.0)

    def _tell_of_speech(self) -> None:
        """Tell the model that the caller speaks: it can't hear while a secret is typed."""
        if self.state.link.listening and self.keypad.speech_heard():
            self.effects.tell_model(prompts.SPEAKS_INSTEAD)

    def _note_words(self, text: str) -> None:
        """Note that the caller has spoken about what they sent from their phone.

        Only words that come after the model has spoken about it count: earlier ones may be late.
        """
        since_ms = self.state.unspoken_since_ms
        if since_ms is not None and self.state.link.last_audio_ms >= since_ms and text.strip():
            self.state.unspoken_since_ms = None

    # The greeting's clip

    @property
    def clip_plays(self) -> bool:
        return self.playback.played < self.state.clip_bytes

    def greet(self, clip: bytes, words: str, at_ms: float) -> None:
        """Play the greeting, so that the model doesn't have to say it."""
        self.state.clip_bytes = len(clip)
        self.transcript.agent_text(words, at_ms)
        self.transcript.agent_audio(at_ms, self.playback.sent, len(clip), None)
        self._play(clip, at_ms)
        self._end_of_sound()
        self.transcript.agent_complete()
        self.transcript.agent_turn_over()

    @property
    def clip_is_protected(self) -> bool:
        """Whether a protected clip is playing. Until it ends the model hears only silence."""
        return self.clip_plays and self.greeting.playing

    def _cut_clip(self, event: CallerAudio) -> bool:
        """Stop the clip, because the caller speaks and there may be no model yet to notice.

        Returns False if the clip must be heard out.
        """
        if self.clip_is_protected:
            return False
        self.agent_stopped(event.at_ms)
        self.interrupted(event.at_ms, by_service=False)
        return True

    @property
    def clip_outlives_reply(self) -> bool:
        """Whether the clip continues when the model drops its reply: a `clear` would stop both."""
        nothing_else = self.playback.sent == self.state.clip_bytes
        return self.clip_is_protected or (self.clip_plays and nothing_else)

    # The model

    def open(self, at_ms: float) -> None:
        """Ask the model for the first words."""
        self._send_opening(at_ms)
        self.effects.start(Timer.FIRST_WORD)

    def go_on_listening(self) -> None:
        """Continue without the caller noticing: the previous stream ended on their turn.

        What they said while there was no stream is lost. If they are waiting for a reply to it, the
        agent will speak.
        """
        self.waiting.stop_ringing()
        if not self.speech.speaking:
            self.effects.start(Timer.HANDED_OVER)

    def speak_first_after_all(self, at_ms: float) -> None:
        if self.state.link.listening and not self.transcript.caller_waits:
            self.watchdog.asked()
            self._send_opening(at_ms)

    def _send_opening(self, at_ms: float) -> None:
        opening = prompts.opening(self.state.call, self.history, at_ms)
        self.effects.tell_model(opening)

    def model_audio(self, event: ModelAudio) -> None:
        """Play the model's audio. A reply begins with its first audible sound."""
        link, mulaw = self.state.link, event.mulaw
        if not mulaw:
            return
        begins = not link.generating
        if not link.audio(event.at_ms, audible=event.audible):
            return
        if not link.generating:
            self._lead_in(mulaw, event.at_ms)
            return
        voiced_ms = self.speech.last_voiced_ms
        if begins:
            if self.state.nudges and self.state.asked_to_speak:
                voiced_ms = None  # not a reply to the caller
            self.effects.cancel(Timer.ANSWER)
            self._end_lead_in(event.at_ms)
            self.limits.agent_replied(event.at_ms)
        self.watchdog.model_acted()
        self.waiting.stop_ringing()
        self.waiting.stop()
        turns = self.transcript.agent_audio(event.at_ms, self.playback.sent, len(mulaw), voiced_ms)
        self._play(mulaw, event.at_ms)
        self.goodbye.agent_spoke()
        self.effects.save(turns=turns)

    def _lead_in(self, mulaw: bytes, at_ms: float) -> None:
        """Play the silence before a reply like a tone: it counts as neither said nor heard.

        Skipped while an earlier reply is still playing: it couldn't be cleared separately.
        """
        if not self.state.ringing and self.playback.idle:
            self.effects.do(PlayAudio(mulaw))
            until_ms = max(self.state.lead_in_until_ms, at_ms)
            self.state.lead_in_until_ms = until_ms + len(mulaw) / BYTES_PER_MS
        self.effects.save(turns=self.transcript.agent_inaudible(at_ms))
        if self.watchdog.sound_was_silent():
            self.effects.cancel(Timer.ANSWER)  # from now on it gets less time
            if not self.transcript.agent_has_spoken:
                self.first_turn_is_empty()

    def drop_reply(self, at_ms: float) -> None:
        """Drop a reply that the model has begun and the caller must not hear."""
        self.state.link.drop_reply(at_ms)
        self.effects.save(turns=self.transcript.agent_inaudible(at_ms))

    def first_turn_is_empty(self) -> None:
        """Note that the model should have greeted the caller, but they have heard nothing."""
        self.state.first_turn_empty = True
        self.watchdog.asked()

    def _end_lead_in(self, at_ms: float) -> None:
        """Drop a long silence that is still to be played, so that the reply needn't wait for it."""
        if self.state.lead_in_until_ms - at_ms > _LONGEST_LEAD_IN_MS:
            self.effects.do(ClearPlayback())
        self.state.lead_in_until_ms = 0.0

    def _play(self, mulaw: bytes, at_ms: float) -> None:
        """Send audio in pieces, so that marks are never further apart than the estimate allows."""
        playback = self.playback
        while mulaw:
            room = playback.until_mark
            piece, mulaw = mulaw[:room], mulaw[room:]
            mark = playback.add(len(piece), at_ms)
            self.effects.do(PlayAudio(piece))
            if mark is not None:
                self.effects.do(SendMark(mark))

    def agent_stopped(self, at_ms: float) -> None:
        """Note that the caller's words stopped the agent; the service may notice only later."""
        self.state.stopped_agent = True
        if (said := self.state.utterance) is not None:
            self.transcript.caller_speech_stopped(at_ms, said.end_ms, self._asking_ms(said))
            if said.length_ms < _SMALL_INTERRUPTION_MS:
                self.watchdog.cut_short_by_little(at_ms)

    def interrupted(self, at_ms: float, *, by_service: bool = True) -> None:
        self.state.link.interrupted(at_ms, by_service=by_service)
        if by_service and self.clip_outlives_reply:
            self.transcript.agent_dropped()
            self._end_of_sound()
            return
        self.waiting.stop()
        if not self.playback.idle:
            self.effects.do(ClearPlayback())
        clip_is_cut = self.clip_plays
        heard_to = self.playback.clear(at_ms)
        turns = self.transcript.agent_interrupted(at_ms, heard_to, self._barge_in_onset_ms(at_ms))
        self.effects.save(turns=turns)
        if clip_is_cut:
            self.effects.untold = prompts.greeting_cut(self.transcript.last_agent_text)
        self.goodbye.interrupted()
        self._greeting_over(at_ms)

    def key_pressed(self, at_ms: float) -> None:
        """Stop the agent, just as a voice does: callers who know the menu needn't hear it."""
        speaks = self.state.link.generating or not self.playback.idle
        if speaks and not self.greeting.playing and self.state.talking:
            self.interrupted(at_ms, by_service=False)

    def _barge_in_onset_ms(self, at_ms: float) -> float | None:
        onset_ms = self.speech.onset_ms
        if onset_ms is None or at_ms - onset_ms > _BARGE_IN_WINDOW_MS:
            return None
        return onset_ms

    def generation_completed(self, at_ms: float) -> None:
        self.state.link.generation_completed()
        self.transcript.agent_complete()
        self._end_of_sound()
        self.goodbye.generation_completed(at_ms)
        self._after_playback(at_ms)

    def _end_of_sound(self) -> None:
        """Request a mark that shows when everything sent has been heard."""
        if (mark := self.playback.complete()) is not None:
            self.effects.do(SendMark(mark))

    def turn_completed(self, at_ms: float) -> None:
        self.generation_completed(at_ms)
        self.transcript.agent_turn_over()
        self.state.link.turn_completed()

    def mark_received(self, event: MarkReceived) -> None:
        if self.playback.mark_received(event.name, event.at_ms):
            self._after_playback(event.at_ms)

    def _after_playback(self, at_ms: float) -> None:
        """Close the turns that are now complete: more was heard, or nothing more will come."""
        self.effects.save(turns=self.transcript.agent_heard(at_ms, self.playback.heard(at_ms)))
        if self.survey.now(at_ms).greeting_is_heard:
            self._greeting_over(at_ms)
        self.goodbye.after_playback(at_ms)

    def _greeting_over(self, at_ms: float) -> None:
        """Let the model hear the caller again, starting with what they said over the greeting."""
        if not self.greeting.playing:
            return
        pcm = self.greeting.over()
        if self.keypad.hides_the_caller:
            return
        for chunk in in_chunks(pcm):
            self.ring.keep(at_ms, chunk)
            if self.state.link.listening:
                self.effects.do(SendModelAudio(chunk))

    def transcribed(self, event: TranscriptReceived) -> None:
        match event.speaker:
            case Speaker.CALLER if self.keypad.hides_the_caller:
                return
            case Speaker.CALLER:
                self.limits.caller_was_heard(event.at_ms)  # perhaps too softly for our own detector
                self._note_words(event.text)
                self.effects.save(turns=self.transcript.caller_text(event.text, event.at_ms))
                self.goodbye.caller_said(self.transcript.caller_text_so_far)
            case Speaker.AGENT:
                self.effects.save(turns=self.transcript.agent_text(event.text, event.at_ms))
            case _:
                assert_never(event.speaker)
