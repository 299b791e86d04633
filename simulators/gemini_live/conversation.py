"""The model's side of one session: turns events into actions; no clock, socket or randomness.

Times are milliseconds since the setup was accepted, and are passed with every event. After each
event, the shell reads `next_due_ms` and calls `advance` at that time.
"""

from dataclasses import replace
from typing import assert_never

from simulators.gemini_live.actions import Action, Recognise, Send, UtteranceHeard
from simulators.gemini_live.delivery import fragments
from simulators.gemini_live.faults import FaultPlan, InSession
from simulators.gemini_live.hearing import CallerSpeaks, Ear, Heard, Listening, UtteranceEnded
from simulators.gemini_live.memory import Memory
from simulators.gemini_live.messages import (
    ActivityEnded,
    ActivityStarted,
    AudioInput,
    AudioStreamEnded,
    ClientContent,
    ClientMessage,
    ContextUpdate,
    InputTranscript,
    Setup,
    SetupComplete,
    TextInput,
    ToolResponses,
    VideoInput,
)
from simulators.gemini_live.obedience import misquoted, obey, recited
from simulators.gemini_live.reading import DEFAULT_INPUT_HZ
from simulators.gemini_live.refusals import invalid
from simulators.gemini_live.replies import (
    RECITAL,
    Answer,
    answer_speech,
    answer_text,
    asked,
    recall,
    shown,
    told,
)
from simulators.gemini_live.scenario import Reply, Scenario
from simulators.gemini_live.speaking import Speaker
from simulators.gemini_live.trouble import Trouble
from simulators.speech.pcm import Pcm


class Conversation:
    """One session. If a method raises Refused, close the session with its code."""

    def __init__(
        self,
        scenario: Scenario,
        setup: Setup,
        *,
        session_id: str,
        memory: Memory | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        """`memory` is None in a session that doesn't resume another."""
        self._scenario = scenario
        self._setup = setup
        self._instructions = setup.system_instruction
        self._session_id = session_id
        self._is_told_history = setup.begins_with_history and memory is None
        fresh = Memory()
        memory = memory or fresh.with_meter(fresh.meter.with_text(setup.system_instruction))
        memory = recall(scenario, memory, told(setup.system_instruction))
        self._speaker = Speaker(setup, scenario.pace, memory, session_id)
        self._listening = Listening()
        self._trouble = Trouble(faults or FaultPlan((), 0), self._speaker, self._listening)
        self._ear: Ear | None = None
        self._received_ms = 0.0
        self._utterances: dict[int, UtteranceEnded] = {}
        self._utterance_count = 0

    @property
    def memory(self) -> Memory:
        return self._speaker.memory

    @property
    def next_due_ms(self) -> float | None:
        times = (self._speaker.next_due_ms, self._trouble.next_due_ms)
        return min((time for time in times if time is not None), default=None)

    def start(self, now_ms: float) -> list[Action]:
        complete = Send(SetupComplete(self._session_id))
        return self._trouble.pass_on([complete], now_ms) + self._trouble.advance(now_ms)

    def advance(self, now_ms: float) -> list[Action]:
        """Do everything that is scheduled up to now."""
        return self._trouble.advance(now_ms) + self._speak(self._speaker.advance(now_ms), now_ms)

    def receive(self, message: ClientMessage, now_ms: float) -> list[Action]:
        """Handle a message that the client sent after its setup."""
        return self._speak(self._take(message, now_ms), now_ms)

    def cause(self, fault: InSession, now_ms: float) -> list[Action]:
        """Cause a fault now."""
        return self._trouble.cause(fault, now_ms)

    def recognised(self, utterance_id: int, phrase: str | None, now_ms: float) -> list[Action]:
        """Handle the result of `Recognise`: a phrase of the scenario, or None."""
        utterance = self._utterances.pop(utterance_id)
        actions: list[Action] = [UtteranceHeard(phrase, utterance.start_ms, utterance.end_ms)]
        self._speaker.memory = replace(self.memory, unspoken=())
        if phrase is not None:
            self._speaker.memory = self.memory.with_turn("user", phrase)
            if self._setup.input_transcription:
                actions += [Send(InputTranscript(text)) for text in fragments(phrase)]
        self._keep_floor()
        answer = answer_speech(self._scenario, self.memory, phrase)
        if utterance.end_ms - utterance.start_ms < self._listening.ignored_below_ms:
            answer = None
        # A caller who is still speaking isn't done: the reply would be interrupted before it began.
        if answer and not (self._ear and self._ear.speaking):
            answer = obey(answer, phrase or "", self._instructions)
            actions += self._speaker.answer(answer, now_ms)
        return self._speak(actions + self._speaker.advance(now_ms), now_ms)

    def synthesised(self, turn_id: int, pcm: Pcm, now_ms: float) -> list[Action]:
        """Handle the result of `Synthesise`."""
        return self._speak(self._speaker.synthesised(turn_id, pcm, now_ms), now_ms)

    def _take(self, message: ClientMessage, now_ms: float) -> list[Action]:
        match message:
            case AudioInput() if self._listening.deaf:
                self._ear = None
                self._keep_floor()
                return []
            case AudioInput():
                heard = self._hear(self._ear_for(message).feed(message), now_ms)
                return heard + self._stop_for_more_than_a_sound(now_ms)
            case ActivityStarted():
                return self._hear(self._told_ear().begin(), now_ms)
            case ActivityEnded():
                return self._hear(self._told_ear().end(), now_ms)
            case AudioStreamEnded():
                ear, self._ear = self._ear, None
                return self._hear(ear.end() if ear else [], now_ms)
            case TextInput(text):
                return self._read(text, now_ms)
            case ClientContent():
                return self._take_content(message, now_ms)
            case ToolResponses():
                return self._speaker.tools_answered(message, now_ms)
            case ContextUpdate(instructions, tools):
                if instructions is not None:
                    self._instructions = instructions
                if tools is not None:
                    self._speaker.tools = {tool.name: tool for tool in tools}
                return []
            case VideoInput(shows):
                self._speaker.memory = shown(self._scenario, self.memory, shows)
                return []
            case Setup():
                raise invalid("setup must be the first message and only the first.")
            case _:
                assert_never(message)

    def _speak(self, actions: list[Action], now_ms: float) -> list[Action]:
        return self._trouble.pass_on(actions, now_ms)

    def _ear_for(self, audio: AudioInput) -> Ear:
        if self._ear is None or self._ear.rate_hz != audio.rate_hz:
            origin_ms = round(self._received_ms)
            self._ear = Ear(self._setup.activity, audio.rate_hz, origin_ms=origin_ms)
        self._received_ms += len(audio.data) * 500 / audio.rate_hz
        return self._ear

    def _told_ear(self) -> Ear:
        """Return the ear for a client that signals when speech begins and ends."""
        if self._setup.activity.automatic:
            raise invalid(
                "Explicit activity control is not supported when automatic activity detection"
                " is enabled."
            )
        self._ear = self._ear or Ear(self._setup.activity, DEFAULT_INPUT_HZ)
        return self._ear

    def _hear(self, events: list[Heard], now_ms: float) -> list[Action]:
        actions: list[Action] = []
        for event in events:
            match event:
                case CallerSpeaks():
                    self._keep_floor()
                    if self._setup.activity.interrupts and self._listening.stops_for_all:
                        actions += self._speaker.interrupt(now_ms)
                case UtteranceEnded(pcm, rate_hz, start_ms, end_ms):
                    self._utterance_count += 1
                    self._utterances[self._utterance_count] = event
                    meter = self.memory.meter.with_caller_speech(end_ms - start_ms)
                    self._speaker.memory = self.memory.with_meter(meter)
                    actions.append(Recognise(self._utterance_count, pcm, rate_hz))
                case _:
                    assert_never(event)
        return actions

    def _stop_for_more_than_a_sound(self, now_ms: float) -> list[Action]:
        """Interrupt a model that ignores short sounds, once the sound is no longer short."""
        if self._listening.stops_for_all or not self._setup.activity.interrupts:
            return []
        if self._ear is None or self._ear.speaking_for_ms < self._listening.ignored_below_ms:
            return []
        return self._speaker.interrupt(now_ms)

    def _keep_floor(self) -> None:
        speaking = self._ear is not None and self._ear.speaking
        self._speaker.held = speaking or bool(self._utterances)

    def _take_content(self, content: ClientContent, now_ms: float) -> list[Action]:
        """Add history; with `turn_complete`, reply to its last turn.

        The initial history that a setup announces gets no reply, whichever side spoke last.
        """
        if self._is_told_history:
            self._is_told_history = not content.turn_complete
            self._speaker.memory = recall(self._scenario, self.memory, content.turns)
            return []
        asks = content.turn_complete and bool(content.turns) and content.turns[-1].role == "user"
        told = content.turns[:-1] if asks else content.turns
        self._speaker.memory = recall(self._scenario, self.memory, told)
        if not content.turn_complete:
            return []
        return self._read(content.turns[-1].text if asks else "", now_ms)

    def _read(self, text: str, now_ms: float) -> list[Action]:
        actions = self._speaker.interrupt(now_ms)
        memory = self.memory.with_meter(self.memory.meter.with_text(text))
        question, memory = asked(memory, text)
        answer = self._recital(question) or answer_text(self._scenario, memory, question)
        self._speaker.memory = replace(memory.with_turn("user", question), unspoken=())
        if answer is None:
            return actions
        return actions + self._speaker.answer(obey(answer, question, self._instructions), now_ms)

    def _recital(self, text: str) -> Answer | None:
        wanted = recited(text)
        if wanted is None:
            return None
        how = self._speaker.misquotes
        return Answer(RECITAL, Reply(say=wanted if how is None else misquoted(wanted, how)))
