"""Rules for a StreamSession that hold whatever happens, in whatever order."""

from collections import Counter

import hypothesis
import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ringdown.calls import Speaker, ToolOutcome, Turn, Usage
from ringdown.tools import ToolAnswer
from stream_handler.call import prompts
from stream_handler.call.actions import (
    Action,
    CallTool,
    CancelTimer,
    ClearPlayback,
    CloseStream,
    PlayAudio,
    SaveCall,
    SendMark,
    SendModelAudio,
    SendModelImage,
    SendModelText,
    SendToolResponse,
    StartTimer,
)
from stream_handler.call.events import (
    AgentEdited,
    DrainRequested,
    Event,
    GoAwayReceived,
    MarkReceived,
    ModelConnected,
    ModelConnectFailed,
    PictureReceived,
    ResumptionUpdated,
    SaveFailed,
    StreamLost,
    StreamStarted,
    StreamStopped,
    TextReceived,
    TimerFired,
    ToolCallCancelled,
    ToolCallFinished,
)
from stream_handler.call.timers import COLLECTION_BEGINS_MS, LENGTH_MS, Timer
from stream_handler.call.tools import MOST_RUNS
from stream_handler.record.flight_record import outline, read_flight
from stream_handler.record.flight_replay import replay
from tests.ringdown.samples import an_agent
from tests.stream_handler.call.line import BYTES_PER_MS, Line
from tests.stream_handler.call.stage import QUIET_DBFS, VOICE_DBFS, WORDS, Stage, call_of

ANSWERS = (ToolAnswer(output={"status": "ok"}), ToolAnswer.failed("No."))
ESTIMATE_MS = 200
MS_PER_WORD = 10
CLIP = 251
"""The value of a clip's bytes."""
LONGEST_STEP_MS = 10_000
"""The longest time that a single rule lets pass."""
LONGEST_GOODBYE_MS = LENGTH_MS[Timer.GOODBYE_ENDS]
LONGEST_COLLECTION_MS = COLLECTION_BEGINS_MS
HISTORY = (Turn(n=4, speaker=Speaker.CALLER, text="Billing.", start_ms=0, end_ms=900),)
SECRET_KEYS, OTHER_KEYS = "789*", "0123"
"""Keys typed only in collections, and those typed anywhere."""


class AnyCall(RuleBasedStateMachine):
    """A line and a model that keep to their protocols; everything else is random.

    The audio of each generation has a byte value of its own, so the line can tell how much of it
    was heard. Its transcript has one word per 10 ms, so we can check that a turn in the record
    doesn't claim more than that.
    """

    @initialize(
        down_ms=st.sampled_from([0, 60, 300]),
        up_ms=st.sampled_from([0, 40, 300]),
        connects=st.integers(0, 9),
        protected=st.booleans(),
        resumed=st.booleans(),
        clip_ms=st.sampled_from([0, 0, 10, 1_990, 4_000]),
    )
    def begin(
        self, down_ms: int, up_ms: int, connects: int, protected: bool, resumed: bool, clip_ms: int
    ) -> None:
        call = call_of(
            protect_greeting=protected,
            transfer_numbers={"billing": "+14155550111"},
            greeting=f"g{CLIP} " * min(clip_ms // MS_PER_WORD, 99) or "Hello.",
        )
        self.greeted = clip_ms > 0 and not resumed
        clip = bytes([CLIP]) * (clip_ms * BYTES_PER_MS) if self.greeted else b""
        self.heard_out_ms = clip_ms if self.greeted and protected else 0
        self.history = HISTORY if resumed else ()
        self.stage = Stage(call, line=Line(down_ms=down_ms, up_ms=up_ms), history=self.history)
        self.generation = 0
        self.generating = False
        self.stale = False
        """The generation was interrupted, and the rest of it may still be on its way."""
        self.stale_since_ms = self.late_ms = 0.0
        self.turn_open = False
        self.forbidden: set[int] = set()
        """Generations that must not be played any more."""
        self.tool_ids: list[str] = []
        self.runs: dict[int, str] = {}
        """For each account number, the id of the tool call that last began to look it up."""
        self.joined: dict[str, str] = {}
        """Tool calls that joined an identical one, and that one's id."""
        self.called_off: set[str] = set()
        """Tool calls that the model cancelled before they were settled."""
        self.collections: dict[str, bool] = {}
        """The collections begun so far, and whether each is secret."""
        self.secret_before: str | None = None
        self.looked_at = 0
        self.usage = Usage()
        self.sent: dict[int, bool] = {}
        """The numbers of the caller's uploads, and whether each is a text."""
        self.sessions = 1
        self.goodbye_ms: float | None = None
        self.ending_since_ms = 0.0
        self.stage.handle(StreamStarted(0.0, greeting=clip))
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
    def model_is_there(self) -> bool:
        """Whether a session is open. If it is a new one, forget what the last one was saying."""
        if self.sessions != self.stage.sessions or not self.stage.model_is_there:
            self.sessions = self.stage.sessions
            self.generating = self.stale = self.turn_open = False
        return self.stage.model_is_there

    @property
    def talking(self) -> bool:
        return self.stage.final_save is None

    @property
    def collecting(self) -> str | None:
        """The id of the collection in progress, if there is one."""
        return next((id for id in self.collections if id not in self.settled), None)

    @property
    def settled(self) -> set[str]:
        """The ids of the tool calls whose outcomes are recorded."""
        recorded = self.stage.record.tool_calls.values()
        return {call.id for call in recorded if call.outcome is not ToolOutcome.UNKNOWN}

    @property
    def unsettled(self) -> set[str]:
        collecting, running = self.collecting, self.stage.running_tools
        waiting = {id for id, run in self.joined.items() if run in running}
        collections = {collecting} if collecting is not None else set()
        return (running | waiting | collections) - self.settled

    # The caller and the line

    @rule(frames=st.integers(1, 60), loud=st.booleans())
    def caller_audio(self, frames: int, loud: bool) -> None:
        self.stage.caller(frames * 20, VOICE_DBFS if loud else QUIET_DBFS)

    @rule(text=st.sampled_from(["yes ", " no", "well"]))
    def caller_text(self, text: str) -> None:
        self.stage.caller_text(text)

    @rule(data=st.data(), every_ms=st.sampled_from([50, 500, 2_500]))
    def types(self, data: st.DataObject, every_ms: int) -> None:
        for _ in range(data.draw(st.integers(1, 4))):
            keys = OTHER_KEYS if self.collecting is None else SECRET_KEYS
            self.stage.types(data.draw(st.sampled_from([*keys, "#"])), every_ms=0)
            self.stage.pass_ms(every_ms)

    @rule(n=st.integers(1, 5), typed=st.booleans())
    def sends_something(self, n: int, typed: bool) -> None:
        """The store numbers uploads from 1; each may be reported twice, and out of order."""
        now_ms = self.stage.now_ms
        if self.sent.setdefault(n, typed):
            self.do(TextReceived(now_ms, n, "4 tins"))
        else:
            self.do(PictureReceived(now_ms, n, bytes([n])))

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
    @precondition(lambda self: self.model_is_there and not self.stale and self.generation < 250)
    def speaks(self, length_ms: int, words_first: bool) -> None:
        if not self.generating:
            # Within a turn, text that comes after a complete reply belongs to that reply.
            words_first = words_first and not self.turn_open
            self.generation += 1
            self.generating = self.turn_open = True
        words = f"g{self.generation} " * (length_ms // MS_PER_WORD)
        if words_first:
            self.stage.agent_text(words)
        self.check(self.stage.audio(length_ms, self.generation))
        self.check_that_nothing_was_overlooked()
        self.goodbye_ms = None  # either this is the goodbye, or it withdraws it
        if not words_first:
            self.stage.agent_text(words)

    @rule(length_ms=st.integers(1, 1_500))
    @precondition(lambda self: self.model_is_there and self.stale)
    @precondition(lambda self: self.stage.now_ms < self.stale_since_ms + 1_000)
    @precondition(lambda self: self.stage.now_ms < self.late_ms + 200)
    def speaks_on_though_interrupted(self, length_ms: int) -> None:
        """Send more of an interrupted reply; after a pause it would count as a new one."""
        self.late_ms = self.stage.now_ms
        self.stage.agent_text("late ")
        self.check(self.stage.audio(length_ms, self.generation))
        self.check_that_nothing_was_overlooked()

    def check_that_nothing_was_overlooked(self) -> None:
        """Check that a meaningless event, after more of a reply, leads to no action."""
        nothing = MarkReceived(self.stage.now_ms, "nothing")
        assert self.stage.session.handle(nothing) == (), "something was left undone earlier"

    @rule()
    @precondition(lambda self: self.model_is_there and self.generating)
    def completes_its_generation(self) -> None:
        self.generating = False
        self.check(self.stage.generation_completed())

    @rule()
    @precondition(lambda self: self.model_is_there and self.turn_open)
    def ends_its_turn(self) -> None:
        self.generating = self.stale = self.turn_open = False
        self.check(self.stage.turn_completed())

    @rule()
    @precondition(lambda self: self.model_is_there)
    def is_interrupted(self) -> None:
        if self.generating:
            self.stale, self.stale_since_ms = True, self.stage.now_ms
            self.late_ms = self.stale_since_ms
        self.generating = False
        self.forbidden.add(self.generation)
        if self.talking:
            self.goodbye_ms = None
        before = len(self.stage.actions)
        self.check(self.stage.interrupted())
        done = self.stage.actions[before:]
        cleared = [i for i, action in enumerate(done) if isinstance(action, ClearPlayback)]
        assert cleared in ([], [0]), f"`clear` isn't sent first: {done}"

    @rule(tokens=st.integers(0, 500))
    def reports_usage(self, tokens: int) -> None:
        report = Usage(reports=1, prompt={"AUDIO": tokens}, total=tokens)
        if self.talking:
            self.usage += report
        self.stage.usage(report)

    # Tools

    @rule(account=st.integers(0, 2))
    @precondition(lambda self: self.model_is_there or not self.talking)
    def calls_a_tool(self, account: int) -> None:
        id = f"t{len(self.tool_ids)}"
        if not self.talking:
            self.stage.tool_call(id, args={"account": account})
            return
        self.tool_ids.append(id)
        self.stage.tool_call(id, args={"account": account})
        if id in self.stage.running_tools:
            self.runs[account] = id
        elif id not in self.settled:
            self.joined[id] = self.runs[account]

    @rule()
    @precondition(lambda self: self.model_is_there or not self.talking)
    def calls_a_tool_that_does_not_exist(self) -> None:
        id = f"t{len(self.tool_ids)}"
        if self.talking:
            self.tool_ids.append(id)
        self.stage.tool_call(id, "no_such_tool")

    @rule()
    @precondition(lambda self: self.model_is_there or not self.talking)
    def calls_end_call(self) -> None:
        id = f"t{len(self.tool_ids)}"
        if self.talking:
            self.tool_ids.append(id)
        self.stage.end_call(id)
        if self.talking and self.goodbye_ms is None and not self.waits_for_the_caller(id):
            self.goodbye_ms = self.stage.now_ms

    def waits_for_the_caller(self, id: str) -> bool:
        """Whether the call was refused because the caller must first speak about an upload."""
        call = self.stage.record.tool_calls.get(id)
        return call is not None and call.error == prompts.CALLER_FIRST

    @rule(name=st.sampled_from(["billing", "nobody we know"]))
    @precondition(lambda self: self.model_is_there or not self.talking)
    def calls_transfer_call(self, name: str) -> None:
        id = f"t{len(self.tool_ids)}"
        if self.talking:
            self.tool_ids.append(id)
        self.stage.transfer(name, id)
        refused = name != "billing" or self.waits_for_the_caller(id)
        if self.talking and self.goodbye_ms is None and not refused:
            self.goodbye_ms = self.stage.now_ms

    @rule(length=st.sampled_from([0, 3, 99]), secret=st.booleans())
    @precondition(lambda self: self.model_is_there or not self.talking)
    def calls_collect_digits(self, length: int, secret: bool) -> None:
        id = f"t{len(self.tool_ids)}"
        if self.talking:
            self.tool_ids.append(id)
            if self.collecting is None and length != 99:
                self.collections[id] = secret
        self.stage.collect(id, length=length, secret=secret)

    @rule(data=st.data())
    @precondition(lambda self: self.tool_ids)
    @precondition(lambda self: self.model_is_there or not self.talking)
    def calls_a_tool_twice(self, data: st.DataObject) -> None:
        self.stage.tool_call(data.draw(st.sampled_from(self.tool_ids)))

    @rule(data=st.data())
    @precondition(lambda self: self.tool_ids)
    @precondition(lambda self: self.model_is_there or not self.talking)
    def cancels_tools(self, data: st.DataObject) -> None:
        ids = data.draw(st.lists(st.sampled_from([*self.tool_ids, "unknown"]), max_size=3))
        if self.talking:
            self.called_off |= self.unsettled & set(ids)
        self.do(ToolCallCancelled(self.stage.now_ms, tuple(ids)))

    @rule(data=st.data(), answer=st.sampled_from(ANSWERS))
    @precondition(lambda self: self.stage.running_tools)
    def tool_finishes(self, data: st.DataObject, answer: ToolAnswer) -> None:
        id = data.draw(st.sampled_from(sorted(self.stage.running_tools)))
        self.stage.tool_finished(id, answer)

    @rule(data=st.data())
    @precondition(lambda self: set(self.tool_ids) - self.unsettled - self.stage.running_tools)
    def tool_finishes_that_does_not_run(self, data: st.DataObject) -> None:
        ids = sorted(set(self.tool_ids) - self.unsettled - self.stage.running_tools)
        self.do(ToolCallFinished(self.stage.now_ms, data.draw(st.sampled_from(ids)), ANSWERS[0]))

    # Ends

    @rule(refusals=st.lists(st.sampled_from([None, 503, 1007, 1011]), max_size=3))
    @precondition(lambda self: self.model_is_there)
    def loses_the_model(self, refusals: list[int | None]) -> None:
        self.stage.refusals = refusals
        before = len(self.stage.actions)
        self.check(self.stage.lose_model())
        if ClearPlayback() in self.stage.actions[before:]:
            self.forbidden.add(self.generation)

    @rule(left_s=st.sampled_from([0, 1, 10, 12, 50]))
    @precondition(lambda self: self.model_is_there)
    def is_told_to_go_away(self, left_s: int) -> None:
        self.do(GoAwayReceived(self.stage.now_ms, left_s * 1_000))

    @rule()
    @precondition(lambda self: self.model_is_there)
    def is_given_a_handle(self) -> None:
        self.do(ResumptionUpdated(self.stage.now_ms, f"h{len(self.stage.actions)}"))

    @rule(kind=st.sampled_from([StreamStopped, StreamLost]))
    @precondition(lambda self: self.stage.now_ms > 3_000)
    def ends(self, kind: type[StreamStopped | StreamLost]) -> None:
        self.do(kind(self.stage.now_ms))

    @rule(within_ms=st.sampled_from([0.0, 500.0, 8_000.0]))
    @precondition(lambda self: self.stage.now_ms > 3_000)
    def is_drained(self, within_ms: float) -> None:
        self.do(DrainRequested(self.stage.now_ms, within_ms))

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

    @rule(instructions=st.sampled_from(["Be brief.", "Be kind."]))
    def agent_is_edited(self, instructions: str) -> None:
        agent = an_agent(transfer_numbers={"billing": "+14155550111"})
        edited = msgspec.structs.replace(agent, instructions=instructions)
        self.do(AgentEdited(self.stage.now_ms, edited, edited.revision))

    # Invariants

    @invariant()
    def calls_are_answered_once(self) -> None:
        answered = Counter(response.id for response in self.stage.all(SendToolResponse))
        settled = Counter(
            call.id
            for call in self.stage.record.tool_calls_saved
            if call.outcome is not ToolOutcome.UNKNOWN
        )
        for id in self.tool_ids:
            assert answered[id] <= 1, f"{id} was answered {answered[id]} times"
            expected = 0 if id in self.unsettled else 1
            assert settled[id] == expected, f"{id} was recorded {settled[id]} times"
            called_off = id in self.called_off
            assert not (answered[id] and called_off), f"{id} was answered and cancelled"
            assert answered[id] <= expected, f"{id} was answered before it was recorded"
            if self.stage.sessions == 1 and self.stage.model_is_there:  # so it knows every call
                assert answered[id] + called_off >= expected, f"{id} was not answered"

    @invariant()
    @precondition(lambda self: self.talking and self.stage.all(ClearPlayback))
    def a_protected_clip_is_heard_out(self) -> None:
        assert self.stage.played_ms(CLIP) >= self.heard_out_ms, "a protected clip was stopped"

    @invariant()
    def a_turn_claims_no_more_than_was_heard(self) -> None:
        for turn in self.stage.record.by(Speaker.AGENT):
            for word, count in Counter(turn.text.split()).items():
                if word == "late":
                    raise AssertionError("words of an interrupted reply are in the record")
                heard_ms = self.stage.played_ms(int(word[1:]))
                assert count * MS_PER_WORD <= heard_ms + ESTIMATE_MS + MS_PER_WORD, (
                    f"{count * MS_PER_WORD} ms are claimed; {heard_ms} ms were heard"
                )

    @invariant()
    def turns_are_numbered_and_timed(self) -> None:
        turns = self.stage.record.turns
        first = 5 if self.history else 1
        assert sorted(turns) == list(range(first, first + len(turns))), "the numbers have gaps"
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
    def a_session_is_shown_a_picture_once(self) -> None:
        pictures = Counter(action.jpeg for action in self.stage.all(SendModelImage))
        assert all(times <= self.stage.sessions for times in pictures.values()), pictures
        uploads = Counter(turn.upload for turn in self.stage.record.turns.values() if turn.upload)
        assert all(times == 1 for times in uploads.values()), uploads

    @invariant()
    def nobody_is_greeted_twice(self) -> None:
        if self.greeted:
            asked = [action.text for action in self.stage.all(SendModelText)]
            assert not any("Greet them" in text for text in asked), asked

    @invariant()
    def a_goodbye_ends(self) -> None:
        if self.talking and self.goodbye_ms is not None:
            assert self.stage.now_ms - self.goodbye_ms <= LONGEST_GOODBYE_MS + 10

    @invariant()
    def nobody_learns_what_was_collected(self) -> None:
        record, stage = self.stage.record, self.stage
        told = " ".join(
            [
                *(action.text for action in stage.all(SendModelText)),
                *(str(response.answer) for response in stage.all(SendToolResponse)),
                *(turn.text for turn in record.by(Speaker.CALLER)),
                *(f"{call.output} {call.error}" for call in record.tool_calls_saved),
                *(str(action.request.args) for action in stage.all(CallTool)),
            ]
        )
        told = told.replace("99", "")  # the refused length
        assert not set(SECRET_KEYS) & set(told), f"the model got a secret digit: {told}"

    @invariant()
    def nobody_listens_to_a_secret(self) -> None:
        done = self.stage.actions[self.looked_at :]
        self.looked_at = len(self.stage.actions)
        before, self.secret_before = self.secret_before, self.collecting
        secret = self.collecting is not None and self.collections[self.collecting]
        if secret and before == self.collecting:
            sent = [action.pcm for action in done if isinstance(action, SendModelAudio)]
            assert not any(map(any, sent)), "the model hears the caller while they type a secret"

    @invariant()
    def the_end_is_a_save_and_then_a_close(self) -> None:
        closes = self.stage.all(CloseStream)
        assert len(closes) == (self.stage.closed is not None)
        if self.stage.final_save is not None:
            assert self.stage.final_save.changes.usage == self.usage

    @invariant()
    def an_end_is_soon_a_close(self) -> None:
        actions = self.stage.actions
        if self.stage.final_save is None:
            self.ending_since_ms = self.stage.now_ms
            return
        if self.stage.closed is None:
            over_ms = self.stage.now_ms - self.ending_since_ms
            assert over_ms <= LONGEST_STEP_MS + LENGTH_MS[Timer.FINAL_SAVE], "not closed in time"
        behind = actions[actions.index(self.stage.final_save) + 1 :]
        # A late SaveCall has the results of tools.
        allowed = StartTimer | CancelTimer | ClearPlayback | CloseStream | SaveCall
        assert all(isinstance(action, allowed) for action in behind), behind

    @invariant()
    def what_runs_is_bounded(self) -> None:
        assert len(self.stage.running_tools) <= MOST_RUNS

    def check_that_it_can_be_reproduced(self) -> None:
        """Check that a replay of the flight record leads to the same actions.

        Audio is compared by its length.
        """
        steps = list(replay(read_flight(self.stage.flight.record()), WORDS))
        assert [step.event for step in steps if step.differs] == []
        again = [outline(action) for step in steps for action in step.actions]
        assert again == [outline(action) for action in self.stage.actions]

    def teardown(self) -> None:
        """Check that silence ends the call, and that the stream closes soon after its end."""
        if not hasattr(self, "stage"):
            return
        if self.stage.line.echoing and self.stage.final_save is None:
            self.fall_silent()
            assert not self.talking, "both sides are silent, but the call continues"
        self.stage.handle(StreamStopped(self.stage.now_ms))
        self.stage.pass_ms(LENGTH_MS[Timer.FINAL_SAVE] + 10)
        assert self.stage.closed is not None, "the stream was never closed"
        for id in sorted(self.stage.running_tools):
            self.stage.tool_finished(id, ANSWERS[0])
        assert [a.final for a in self.stage.all(SaveCall)].count(True) == 1
        assert not self.unsettled
        self.calls_are_answered_once()
        self.turns_are_numbered_and_timed()
        self.nobody_learns_what_was_collected()
        self.check_that_it_can_be_reproduced()

    def fall_silent(self) -> None:
        """Let the agent finish speaking and the tools answer, then keep both sides silent."""
        stage = self.stage
        for id in sorted(stage.running_tools):
            stage.tool_finished(id, ANSWERS[0])
        if not stage.all(PlayAudio):
            stage.pass_ms(1_000)  # interrupted audio may still be on its way
            stage.audio(100, 255)
        stage.turn_completed()
        stage.caller(1_000, QUIET_DBFS)
        backlog_ms = sum(len(action.mulaw) for action in stage.all(PlayAudio)) / BYTES_PER_MS
        idle_ms = call_of().agent.idle.goodbye_after_s * 1_000
        stage.pass_ms(backlog_ms + LONGEST_COLLECTION_MS + idle_ms + 1_000)


TestAnyCall = AnyCall.TestCase
TestAnyCall.settings = hypothesis.settings(max_examples=150, stateful_step_count=40, deadline=None)
