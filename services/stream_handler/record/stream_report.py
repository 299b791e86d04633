"""Reports a stream in one log line, which metrics, alerts and the dashboard are based on."""

import statistics

import msgspec

from ringdown.calls import CallChanges, NextAction, ToolCall, ToolOutcome, Turn
from ringdown.log import Field, Log
from stream_handler.call.actions import Action, CloseStream, SaveCall
from stream_handler.call.events import Event

_log = Log(__name__)


class StreamReport:
    """Adds up what is saved about a stream, and logs it at the end; a `CallObserver`.

    Logs only figures, never words or phone numbers.
    """

    def __init__(self) -> None:
        self._turns: dict[int, Turn] = {}
        self._tool_calls: dict[str, ToolCall] = {}
        self._changes = CallChanges()
        """Everything but turns and tool calls, all of which would be walked at every save."""

    def on_event(self, event: Event, actions: tuple[Action, ...]) -> None:
        for action in actions:
            match action:
                case SaveCall(changes):
                    self.add(changes)
                case CloseStream(next):
                    _log.info("stream over", **self.fields(next))
                case _:
                    pass

    async def on_end(self) -> None:
        pass

    def add(self, changes: CallChanges) -> None:
        self._turns.update((turn.n, turn) for turn in changes.turns)
        self._tool_calls.update((call.id, call) for call in changes.tool_calls)
        self._changes |= msgspec.structs.replace(changes, turns=(), tool_calls=())

    def fields(self, next: NextAction | None) -> dict[str, Field]:
        """Return the fields of the log line `stream over`, for this stream unless noted.

        Times are in ms; `talk_s` and `cost_usd` are for the whole call. A field without a value is
        left out, so that no metric counts it as zero.
        """
        changes, turns = self._changes, self._turns.values()
        replies_ms = [turn.reply_ms for turn in turns if turn.reply_ms is not None]
        barge_ins_ms = [turn.barge_in_ms for turn in turns if turn.barge_in_ms is not None]
        outcomes = [call.outcome for call in self._tool_calls.values()]
        fields: dict[str, Field | None] = {
            "next": next,
            "end_reason": changes.end_reason,
            "turns": len(turns),
            "reply_p50_ms": round(statistics.median(replies_ms)) if replies_ms else None,
            "reply_max_ms": max(replies_ms, default=None),
            "barge_in_max_ms": max(barge_ins_ms, default=None),
            "tool_calls": len(outcomes),
            "tool_failures": outcomes.count(ToolOutcome.FAILED),
            "reconnects": len(changes.reconnects or ()),
            "talk_s": changes.talk_s,
            "cost_usd": changes.cost_usd,
        }
        return {name: value for name, value in fields.items() if value is not None}
