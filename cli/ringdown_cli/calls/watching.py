"""`calls watch`: prints turns and tool calls as they are stored."""

import argparse
import asyncio

from ringdown.calls import CallQuery, CallRecord, CallStatus, ListedCall
from ringdown.calls.figures import LONGEST_CALL
from ringdown.calls.search import CallArchive
from ringdown.calls.wording import ending, number_shown
from ringdown_cli.call_lines import NewLines
from ringdown_cli.calls.showing import read_record_or_stop
from ringdown_cli.command import DONE, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Style, Terminal

LOOK_EVERY_S = 1.0
_MOST_AT_ONCE = 200


async def watch(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    """Follow one call until it ends, or all live calls until Ctrl-C."""
    async with chosen_store(arguments.store, surroundings) as store:
        if arguments.call is not None:
            return await _watch_one(store, arguments, surroundings.terminal)
        return await _watch_all(store, arguments, surroundings)


async def _watch_one(store: CallArchive, arguments: argparse.Namespace, terminal: Terminal) -> int:
    record = await read_record_or_stop(store, arguments.call)
    watched = _Watched(terminal, arguments, record.call)
    while True:
        watched.show(record)
        if record.call.status is CallStatus.ENDED:
            return DONE
        await asyncio.sleep(LOOK_EVERY_S)
        record = await read_record_or_stop(store, record.call.call_sid)


async def _watch_all(
    store: CallArchive, arguments: argparse.Namespace, surroundings: Surroundings
) -> int:
    watched: dict[str, _Watched] = {}
    surroundings.terminal.complain("Waiting for calls. Press Ctrl-C to stop; calls continue.")
    while True:
        since = surroundings.now() - LONGEST_CALL
        for call in reversed(await store.list_calls(CallQuery(since=since, limit=_MOST_AT_ONCE))):
            if call.status is not CallStatus.ENDED and call.call_sid not in watched:
                watched[call.call_sid] = _Watched(
                    surroundings.terminal, arguments, call, named=True
                )
        for call_sid in list(watched):
            record = await store.read_record(call_sid)
            if record is not None:
                watched[call_sid].show(record)
            if record is None or record.call.status is CallStatus.ENDED:
                del watched[call_sid]
        await asyncio.sleep(LOOK_EVERY_S)


class _Watched:
    """A call being followed. If `named`, each line starts with the end of the call's SID, so that
    calls can be told apart."""

    def __init__(
        self,
        terminal: Terminal,
        arguments: argparse.Namespace,
        call: ListedCall,
        *,
        named: bool = False,
    ) -> None:
        self._terminal = terminal
        self._prefix = f"{call.call_sid[-6:]}  " if named else ""
        self._lines = NewLines()
        caller = number_shown(call.caller, whole=arguments.numbers)
        draft = ", a draft" if call.is_draft else ""
        self._say(f"{call.call_sid}: {caller} calls {call.agent_id}{draft}", Style.STRONG)

    def show(self, record: CallRecord) -> None:
        for line in self._lines.of(record):
            self._say(f"{line.at_ms / 1000:6.1f} s  {line.who:<6}  {line.what}")
        if record.call.status is CallStatus.ENDED:
            self._say(f"over: {ending(record.call)}", Style.FAINT)

    def _say(self, text: str, style: Style = Style.PLAIN) -> None:
        self._terminal.say(f"{self._prefix}{text}", style)
