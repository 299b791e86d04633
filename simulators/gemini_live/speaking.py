"""The model's mouth: one turn at a time, with its tool calls, interruptions and usage."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from simulators.gemini_live.actions import (
    Action,
    Problem,
    Remember,
    Send,
    Synthesise,
    ToolAnswered,
    ToolCalled,
    TurnSpoken,
)
from simulators.gemini_live.delivery import Delivery, duration_ms
from simulators.gemini_live.faults import Misquote
from simulators.gemini_live.memory import Memory
from simulators.gemini_live.messages import (
    Behavior,
    FunctionCall,
    GenerationComplete,
    Interrupted,
    OutputTranscript,
    ResumptionUpdate,
    Scheduling,
    Setup,
    ToolCall,
    ToolCallCancellation,
    ToolDeclaration,
    ToolResponse,
    ToolResponses,
    TurnComplete,
)
from simulators.gemini_live.model_turn import MakeCalls, ModelTurn, Say, Step, steps_of
from simulators.gemini_live.replies import Answer, MissingValue, conclude
from simulators.gemini_live.scenario import Pace, PlannedCall
from simulators.gemini_live.setup_rules import EXTENDED_THINKING
from simulators.gemini_live.tool_ledger import Batch, ToolLedger
from simulators.speech.pcm import Pcm


class Speaker:
    """Speaks the model's turns. Methods get the time and return actions; see `Conversation`."""

    def __init__(self, setup: Setup, pace: Pace, memory: Memory, session_id: str) -> None:
        self._setup = setup
        self._session_id = session_id
        self._turn: ModelTurn | None = None
        self._waiting: deque[tuple[str | None, Sequence[Step]]] = deque()
        self._ledger = ToolLedger()
        self._turn_count = self._call_count = self._handle_count = 0
        self._samples = 0
        self.pace = pace
        self.memory = memory
        self.tools: dict[str, ToolDeclaration] = {tool.name: tool for tool in setup.tools}
        self.held = False
        """Whether the caller has the floor; while they do, no new turn begins."""
        self.asks_again = False
        """Whether calls that were cancelled because the caller spoke are repeated."""
        self.ends_turn_with_call = False
        """Whether a tool call at the beginning of a turn also ends it."""
        self.empty_because: str | None = None
        """Why turns end without a word, if they do."""
        self.misquotes: Misquote | None = None
        """How recitations go wrong, if they do."""

    @property
    def next_due_ms(self) -> float | None:
        return self._turn.next_due_ms if self._turn else None

    def answer(self, answer: Answer, now_ms: float) -> list[Action]:
        """Start replying after the thinking time, or after the current turn."""
        name: str | None = answer.name
        steps = steps_of(answer.reply)
        if self.empty_because is not None:
            name, steps = None, []
        if self._turn:
            self._waiting.append((name, steps))
        else:
            begins_at_ms = self._after_thought(now_ms)
            self._turn = ModelTurn(self._next_turn(), name, steps, begins_at_ms)
        return self.advance(now_ms)

    def advance(self, now_ms: float) -> list[Action]:
        """Do everything that is scheduled up to now."""
        actions: list[Action] = []
        while True:
            if self._turn is None and self._waiting and not self.held:
                answers, steps = self._waiting.popleft()
                begins_at_ms = self._after_thought(now_ms)
                self._turn = ModelTurn(self._next_turn(), answers, steps, begins_at_ms)
            done = self._step(self._turn, now_ms) if self._turn else None
            if done is None:
                return actions
            actions += done

    def synthesised(self, turn_id: int, pcm: Pcm, now_ms: float) -> list[Action]:
        """Handle the audio that `Synthesise` requested; stale audio is dropped."""
        turn = self._turn
        if turn is None or turn.turn_id != turn_id or turn.sentence is None:
            return []
        turn.deliver(Delivery(turn.sentence, pcm, self.pace, now_ms), now_ms)
        return self.advance(now_ms)

    def interrupt(self, now_ms: float) -> list[Action]:
        """Stop the current turn because the caller speaks. One that hasn't begun is dropped."""
        turn, self._turn = self._turn, None
        if turn is None or not turn.generating:
            return []
        actions: list[Action] = []
        blocked = turn.waits_for is not None and turn.waits_for.blocking
        if turn.waits_for and blocked:
            actions.append(Send(ToolCallCancellation(self._ledger.cancel(turn.waits_for))))
            if self.asks_again and not turn.waits_for.again:
                again = MakeCalls(turn.waits_for.planned, turn.waits_for.reply, again=True)
                self._waiting.append((None, [again]))
        if turn.samples or blocked:
            actions.append(Send(Interrupted()))
        return [*actions, *self._finish(turn, now_ms, interrupted=True)]

    def change_speed(self, speed: float) -> None:
        """From now on, send audio at `speed` times real time."""
        self.pace = replace(self.pace, speed=speed)
        if self._turn and self._turn.delivery:
            self._turn.delivery.pace = self.pace

    def tools_answered(self, message: ToolResponses, now_ms: float) -> list[Action]:
        """Handle tool responses. Raises Refused for one to a call that was never made."""
        actions: list[Action] = []
        for response in message.responses:
            if self._is_lost(response):
                lost = f"the response to {response.name} has no id, and is lost"
                actions.append(Problem(lost, now_ms))
                continue
            batch = self._ledger.answer(response)
            actions.append(ToolAnswered(response.call_id, response.response, now_ms))
            if batch:
                actions += self._conclude(batch, now_ms)
        return actions

    def _is_lost(self, response: ToolResponse) -> bool:
        if response.call_id or not self._setup.needs_call_ids:
            return False
        tool = self.tools.get(response.name)
        return tool is not None and tool.behavior is Behavior.BLOCKING

    def _step(self, turn: ModelTurn, now_ms: float) -> list[Action] | None:
        """Take the next step of this turn; returns None if it isn't time for one."""
        if not turn.generating:
            return self._start(turn) if now_ms >= turn.begins_at_ms else None
        if turn.delivery:
            messages = turn.take(now_ms)
            heard = self._setup.output_transcription
            sent = [m for m in messages if heard or not isinstance(m, OutputTranscript)]
            return [Send(message) for message in sent] if messages else None
        if turn.sentence is not None or turn.waits_for:
            return None
        if turn.steps:
            return self._do(turn, turn.steps.popleft(), now_ms)
        if not turn.generated:
            turn.generated = True
            return [Send(GenerationComplete())]
        if now_ms < turn.playback_end_ms:
            return None
        return self._finish(turn, now_ms, interrupted=False)

    def _start(self, turn: ModelTurn) -> list[Action]:
        turn.generating = True
        if turn.answers:
            self.memory = self.memory.with_answer(turn.answers)
        return [Send(ResumptionUpdate(None))] if self._setup.resumption else []

    def _do(self, turn: ModelTurn, step: Step, now_ms: float) -> list[Action]:
        if isinstance(step, Say):
            turn.sentence = step.text
            return [Synthesise(turn.turn_id, step.text)]
        missing = [call.tool for call in step.calls if call.tool not in self.tools]
        if missing:
            if step.reply.otherwise:
                turn.steps.append(Say(step.reply.otherwise))
            return [Problem(f"the setup declares no tool {missing[0]}", now_ms)]
        return self._call(turn, step, now_ms)

    def _call(self, turn: ModelTurn, step: MakeCalls, now_ms: float) -> list[Action]:
        calls = tuple(self._function_call(call) for call in step.calls)
        behaviors = {self.tools[call.name].behavior for call in calls}
        blocking = Behavior.BLOCKING in behaviors
        batch = Batch(step.reply, step.calls, calls, blocking=blocking, again=step.again)
        self._ledger.add(batch)
        if batch.blocking or not (turn.samples or self.ends_turn_with_call):
            turn.waits_for = batch
        notes = [ToolCalled(call.call_id, call.name, call.args, now_ms) for call in calls]
        return [Send(ToolCall(calls)), *notes]

    def _function_call(self, planned: PlannedCall) -> FunctionCall:
        args = planned.args if self.tools[planned.tool].has_parameters else {}
        return FunctionCall(self._next_call(), planned.tool, args)

    def _conclude(self, batch: Batch, now_ms: float) -> list[Action]:
        actions: list[Action] = []
        try:
            sentence = conclude(batch.reply, batch.outcomes)
        except MissingValue as error:
            actions.append(Problem(str(error), now_ms))
            sentence = batch.reply.otherwise
        silent = batch.scheduling is Scheduling.SILENT and not batch.blocking
        steps = [Say(sentence)] if sentence and not silent else []
        if self._turn and self._turn.waits_for is batch:
            self._turn.waits_for = None
            self._turn.steps.extend(steps)
        elif silent:
            actions += self._resumable() if self._turn is None else []
        elif batch.scheduling is Scheduling.INTERRUPT:
            actions += self.interrupt(now_ms)
            self._waiting.appendleft((None, steps))
        else:
            self._waiting.append((None, steps))
        return actions + self.advance(now_ms)

    def _finish(self, turn: ModelTurn, now_ms: float, *, interrupted: bool) -> list[Action]:
        self._turn = None
        meter, usage = self.memory.meter.bill(duration_ms(turn.samples))
        self.memory = self.memory.with_meter(meter)
        notes: list[Action] = []
        if turn.samples:
            self.memory = self.memory.with_turn("model", turn.text)
            notes.append(
                TurnSpoken(
                    text=turn.text,
                    started_at_ms=turn.playback_start_ms,
                    ended_at_ms=now_ms,
                    first_sample=self._samples,
                    samples=turn.samples,
                    heard_ms=turn.heard_ms(now_ms),
                    interrupted=interrupted,
                )
            )
        self._samples += turn.samples
        idle = self._setup.model == EXTENDED_THINKING
        reason = None if turn.samples else self.empty_because
        return [*notes, Send(TurnComplete(usage, idle, reason)), *self._resumable()]

    def _resumable(self) -> list[Action]:
        if not self._setup.resumption:
            return []
        if self._ledger:
            return [Send(ResumptionUpdate(None))]
        self._handle_count += 1
        handle = f"{self._session_id}.{self._handle_count}"
        return [Remember(handle, self.memory, lost=False), Send(ResumptionUpdate(handle))]

    def _after_thought(self, now_ms: float) -> float:
        return now_ms + self.pace.thinking_ms

    def _next_turn(self) -> int:
        self._turn_count += 1
        return self._turn_count

    def _next_call(self) -> str:
        self._call_count += 1
        return f"{self._session_id}-call-{self._call_count}"
