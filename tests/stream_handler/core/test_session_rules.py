"""Rules of a StreamSession that hold whatever happens, in whatever order."""

from collections import Counter

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ringdown.calls import Speaker, ToolOutcome, Usage
from ringdown.tools import ToolAnswer
from stream_handler.core.actions import (
    Action,
    ClearPlayback,
    CloseStream,
    PlayAudio,
    SaveCall,
    SendMark,
    SendToolResponse,
)
from stream_handler.core.deadlines import Timer
from stream_handler.core.events import (
    DrainRequested,
    Event,
    MarkReceived,
    ModelConnected,
    ModelConnectFailed,
    ModelDisconnected,
    SaveFailed,
    StreamLost,
    StreamStarted,
    StreamStopped,
    TimerFired,
    ToolCallCancelled,
    ToolCallFinished,
)
from tests.stream_handler.core.line import Line
from tests.stream_handler.core.stage import QUIET_DBFS, VOICE_DBFS, Stage

ANSWERS = (ToolAnswer(output={"status": "ok"}), ToolAnswer.failed("No."))
ESTIMATE_MS = 200
MS_PER_WORD = 10
LONGEST_GOODBYE_MS = Timer.GOODBYE_ENDS.value


class AnyCall(RuleBasedStateMachine):
    """A line and a model that keep their protocols; everything else is chance.

    Every generation's bytes have a value of its own, so that the line tells what was heard of it,
    and its transcript has one word for each 10 ms: what a turn claims can be held against that.
    """

    @initialize(
        down_ms=st.sampled_from([0, 60, 300]),
        up_ms=st.sampled_from([0, 40, 300]),
        connects=st.integers(0, 9),
    )
    def begin(self, down_ms: int, up_ms: int, connects: int) -> None:
        self.stage = Stage(line=Line(down_ms=down_ms, up_ms=up_ms))
        self.generation = 0
        self.generating = False
        self.stale = False
        """Interrupted: the rest of the generation may still be on its way."""
        self.stale_since_ms = 0.0
        self.turn_open = False
        self.forbidden: set[int] = set()
        """Generations that must not be played any more."""
        self.tool_ids: list[str] = []
        self.usage = Usage()
        self.goodbye_ms: float | None = None
        self.stage.handle(StreamStarted(0.0))
        self.stage.pass_ms(connects * 100)
        self.do(ModelConnected(self.stage.now_ms) if connects else ModelConnectFailed(0.0))

    def do(self, event: Event) -> None:
        self.check(self.stage.handle(event))

    def check(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            if isinstance(action, PlayAudio):
                value = action.mulaw[0]
                assert value not in self.forbidden, f"generation {value} is played after its clear"

    @property
    def talking(self) -> bool:
        return self.stage.final_save is None

    # The caller and the line

    @rule(frames=st.integers(1, 60), loud=st.booleans())
    def caller_audio(self, frames: int, loud: bool) -> None:
        self.stage.caller(frames * 20, VOICE_DBFS if loud else QUIET_DBFS)

    @rule(text=st.sampled_from(["yes ", " no", "well"]))
    def caller_text(self, text: str) -> None:
        self.stage.caller_text(text)

    @rule(length_ms=st.integers(1, 3_000))
    def time_passes(self, length_ms: int) -> None:
        self.stage.pass_ms(length_ms)

    @rule()
    def echoes_cease(self) -> None:
        self.stage.line.echoing = False

    @rule(name=st.sampled_from(["m1", "m2", "x", ""]))
    @precondition(lambda self: not self.stage.all(SendMark))
    def echo_of_a_mark_never_sent(self, name: str) -> None:
        self.do(MarkReceived(self.stage.now_ms, name))

    # The model

    @rule(length_ms=st.integers(1, 1_500), words_first=st.booleans())
    @precondition(lambda self: not self.stale and self.generation < 255)
    def speaks(self, length_ms: int, words_first: bool) -> None:
        if not self.generating:
            # Within a turn, text that comes behind a complete reply belongs to that one.
            words_first = words_first and not self.turn_open
            self.generation += 1
            self.generating = self.turn_open = True
        words = f"g{self.generation} " * (length_ms // MS_PER_WORD)
        if words_first:
            self.stage.agent_text(words)
        self.check(self.stage.audio(length_ms, self.generation))
        if not words_first:
            self.stage.agent_text(words)

    @rule(length_ms=st.integers(1, 1_500))
    @precondition(lambda self: self.stale and self.stage.now_ms < self.stale_since_ms + 1_000)
    def speaks_on_though_interrupted(self, length_ms: int) -> None:
        self.stage.agent_text("late ")
        self.check(self.stage.audio(length_ms, self.generation))

    @rule()
    @precondition(lambda self: self.generating)
    def completes_its_generation(self) -> None:
        self.generating = False
        self.check(self.stage.generation_completed())

    @rule()
    @precondition(lambda self: self.turn_open)
    def ends_its_turn(self) -> None:
        self.generating = self.stale = self.turn_open = False
        self.check(self.stage.turn_completed())

    @rule()
    def is_interrupted(self) -> None:
        if self.generating:
            self.stale, self.stale_since_ms = True, self.stage.now_ms
        self.generating = False
        self.forbidden.add(self.generation)
        if self.talking:
            self.goodbye_ms = None
        before = len(self.stage.actions)
        self.check(self.stage.interrupted())
        done = self.stage.actions[before:]
        cleared = [i for i, action in enumerate(done) if isinstance(action, ClearPlayback)]
        assert cleared in ([], [0]), f"`clear` is not what is sent first: {done}"

    @rule(tokens=st.integers(0, 500))
    def reports_usage(self, tokens: int) -> None:
        report = Usage(reports=1, prompt={"AUDIO": tokens}, total=tokens)
        if self.talking:
            self.usage += report
        self.stage.usage(report)

    # Tools

    @rule(name=st.sampled_from(["lookup_account", "lookup_account", "no_such_tool"]))
    def calls_a_tool(self, name: str) -> None:
        id = f"t{len(self.tool_ids)}"
        if self.talking:
            self.tool_ids.append(id)
        self.stage.tool_call(id, name)

    @rule()
    def calls_end_call(self) -> None:
        id = f"t{len(self.tool_ids)}"
        if self.talking:
            self.tool_ids.append(id)
            if self.goodbye_ms is None:
                self.goodbye_ms = self.stage.now_ms
        self.stage.end_call(id)

    @rule(data=st.data())
    @precondition(lambda self: self.tool_ids)
    def calls_a_tool_twice(self, data: st.DataObject) -> None:
        self.stage.tool_call(data.draw(st.sampled_from(self.tool_ids)))

    @rule(data=st.data())
    @precondition(lambda self: self.tool_ids)
    def cancels_tools(self, data: st.DataObject) -> None:
        ids = data.draw(st.lists(st.sampled_from([*self.tool_ids, "unknown"]), max_size=3))
        self.do(ToolCallCancelled(self.stage.now_ms, tuple(ids)))

    @rule(data=st.data(), answer=st.sampled_from(ANSWERS))
    @precondition(lambda self: self.stage.running_tools)
    def tool_finishes(self, data: st.DataObject, answer: ToolAnswer) -> None:
        id = data.draw(st.sampled_from(sorted(self.stage.running_tools)))
        self.stage.tool_finished(id, answer)

    @rule(data=st.data())
    @precondition(lambda self: set(self.tool_ids) - self.stage.running_tools)
    def tool_finishes_that_does_not_run(self, data: st.DataObject) -> None:
        ids = sorted(set(self.tool_ids) - self.stage.running_tools)
        self.do(ToolCallFinished(self.stage.now_ms, data.draw(st.sampled_from(ids)), ANSWERS[0]))

    # Ends

    @rule(kind=st.sampled_from([StreamStopped, StreamLost, ModelDisconnected, DrainRequested]))
    @precondition(lambda self: self.stage.now_ms > 3_000)
    def ends(
        self, kind: type[StreamStopped | StreamLost | ModelDisconnected | DrainRequested]
    ) -> None:
        self.do(kind(self.stage.now_ms))

    @rule(committed=st.booleans())
    @precondition(lambda self: self.stage.final_save is not None)
    def final_save_settles(self, committed: bool) -> None:
        if committed:
            self.stage.saved()
        else:
            self.do(SaveFailed(self.stage.now_ms))

    @rule(timer=st.sampled_from(Timer))
    def cancelled_timer_fires_all_the_same(self, timer: Timer) -> None:
        if timer not in self.stage.timers:
            self.do(TimerFired(self.stage.now_ms, timer))

    # What must hold

    @invariant()
    def calls_are_answered_once(self) -> None:
        answered = Counter(response.id for response in self.stage.all(SendToolResponse))
        settled = Counter(call.id for call in self.stage.record.tool_calls_saved)
        for id in self.tool_ids:
            assert answered[id] <= 1, f"{id} was answered {answered[id]} times"
            expected = 0 if id in self.stage.running_tools else 1
            assert settled[id] == expected, f"{id} was recorded {settled[id]} times"
            cancelled = (
                id in self.stage.record.tool_calls
                and self.stage.record.tool_calls[id].outcome is ToolOutcome.CANCELLED
            )
            assert answered[id] + cancelled == expected, f"{id} was answered and cancelled"

    @invariant()
    def a_turn_claims_no_more_than_was_heard(self) -> None:
        for turn in self.stage.record.by(Speaker.AGENT):
            for word, count in Counter(turn.text.split()).items():
                if word == "late":
                    raise AssertionError("words of an interrupted reply are in the record")
                heard_ms = self.stage.played_ms(int(word[1:]))
                assert count * MS_PER_WORD <= heard_ms + ESTIMATE_MS + MS_PER_WORD, (
                    f"{count * MS_PER_WORD} ms are claimed of {heard_ms} ms heard"
                )

    @invariant()
    def turns_are_numbered_and_timed(self) -> None:
        turns = self.stage.record.turns
        assert sorted(turns) == list(range(1, len(turns) + 1)), "the numbers have gaps"
        assert all(turn.start_ms <= turn.end_ms for turn in turns.values())
        for speaker in Speaker:
            starts = [turn.start_ms for turn in self.stage.record.by(speaker)]
            assert starts == sorted(starts), f"the {speaker}'s turns are not in order"

    @invariant()
    def a_saved_turn_only_grows(self) -> None:
        latest: dict[int, str] = {}
        for turn in self.stage.record.turn_versions:
            before = latest.get(turn.n, "")
            assert turn.text.startswith(before), f"{before!r} became {turn.text!r}"
            latest[turn.n] = turn.text

    @invariant()
    def a_goodbye_ends(self) -> None:
        if self.talking and self.goodbye_ms is not None:
            assert self.stage.now_ms - self.goodbye_ms <= LONGEST_GOODBYE_MS + 10

    @invariant()
    def the_end_is_a_save_and_then_a_close(self) -> None:
        closes = self.stage.all(CloseStream)
        assert len(closes) == (self.stage.closed is not None)
        if self.stage.final_save is not None:
            assert self.stage.final_save.changes.usage == self.usage

    def teardown(self) -> None:
        """However a call went, a hang-up ends it within the time a save may take."""
        if not hasattr(self, "stage"):
            return
        self.stage.handle(StreamStopped(self.stage.now_ms))
        self.stage.pass_ms(Timer.FINAL_SAVE.value + 10)
        assert self.stage.closed is not None, "the stream was never closed"
        assert isinstance(self.stage.actions[-1], CloseStream)
        assert [a.final for a in self.stage.all(SaveCall)].count(True) == 1
        self.calls_are_answered_once()
        self.turns_are_numbered_and_timed()


TestAnyCall = AnyCall.TestCase
TestAnyCall.settings = hypothesis.settings(max_examples=150, stateful_step_count=40, deadline=None)
