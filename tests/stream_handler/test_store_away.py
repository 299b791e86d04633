"""Whole streams while the store is away or slow: the caller notices nothing."""

import asyncio
import io
import json
import sqlite3
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from ringdown import log
from ringdown.calls import CallChanges, CallStatus, EndReason, NextAction, travelling_call
from ringdown.calls.dead_letters import DeadLetter, assemble, replay
from ringdown.stores.sqlite import SqliteStore
from stream_handler.server import Patience
from tests.ringdown.samples import a_call, a_claim, an_agent
from tests.stream_handler.handler import (
    TOKEN_SECRET,
    Handler,
    call_sid,
    closed,
    media,
    running_handler,
    start,
    stop,
    token,
)
from tests.stream_handler.little_gemini import LittleGemini, is_audio, is_text, little_gemini, send
from tests.stream_handler.test_server import echo, next_event, says
from tests.stream_handler.unsteady_store import UnsteadyStore

AGENT = an_agent(greeting="Hello from afar.", transfer_numbers={"billing": "+14155550166"})
PATIENCE = Patience(for_start_s=10.0, for_turns_to_end_s=0.2, for_calls_to_be_saved_s=1.0)


async def speaking(gemini: LittleGemini, socket: ServerConnection) -> None:
    """Play a model that says "Hello." whenever it gets a text."""
    await send(socket, {"setupComplete": {}})
    async for frame in socket:
        message = json.loads(frame)
        gemini.take(message)
        if is_text(message):
            await send(socket, says("Hello."), {"serverContent": {"generationComplete": True}})
            await send(socket, {"serverContent": {"turnComplete": True}})


@dataclass(slots=True)
class Stage:
    handler: Handler
    store: UnsteadyStore
    output: io.StringIO

    def letters(self) -> tuple[DeadLetter, ...]:
        found = assemble(self.output.getvalue().splitlines())
        assert found.problems == ()
        return found.letters

    @asynccontextmanager
    async def call(self, number: int) -> AsyncIterator[ClientConnection]:
        """Start a call whose details travel with its stream, and wait for its greeting."""
        async with self.handler.socket() as socket:
            await socket.send(travelling(number))
            await self.handler.gemini.heard(is_text)
            yield socket

    async def hang_up(self, socket: ClientConnection, number: int) -> None:
        """Hang up once the whole greeting has been heard."""
        await socket.send(echo(await next_event(socket, "mark")))
        await socket.send(stop(number))
        await closed(socket)


@pytest.fixture
def output(restored_logging: None) -> io.StringIO:
    output = io.StringIO()
    log.configure(output)
    return output


@pytest.fixture
async def stage(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, output: io.StringIO
) -> AsyncIterator[Stage]:
    async with little_gemini(certificates, speaking) as gemini:
        store = SqliteStore(tmp_path / "records.db")
        unsteady = UnsteadyStore(store, away=True)
        running = running_handler(gemini, trusting, tmp_path, claims=unsteady, patience=PATIENCE)
        try:
            async with running as handler:
                yield Stage(handler, unsteady, output)
        finally:
            await store.close()


def travelling(number: int, secret: str = TOKEN_SECRET) -> str:
    packed = travelling_call.pack((secret,), a_call(call_sid=call_sid(number), agent=AGENT))
    return start(number, customParameters={"token": token(number), **packed})


async def until_stored(stage: Stage, *, turns: int) -> None:
    async with asyncio.timeout(5):
        while True:
            if len((await stage.handler.record(1)).turns) >= turns:
                return
            await asyncio.sleep(0.05)


async def stopped(stage: Stage) -> None:
    stage.handler.stopping.set()
    async with asyncio.timeout(8):
        await stage.handler.stopped.wait()


# The store is away


async def test_a_call_is_carried_with_the_agent_that_travels_with_it(stage: Stage) -> None:
    async with stage.call(1) as socket:
        await socket.send(media(1))
        await stage.handler.gemini.heard(is_audio)

        greeting = await stage.handler.gemini.heard(is_text)
        assert "Hello from afar." in json.dumps(greeting)


async def test_a_store_that_comes_back_in_time_gets_the_whole_record(stage: Stage) -> None:
    async with stage.call(1) as socket:
        stage.store.away = False
        await stage.hang_up(socket, 1)
    await stopped(stage)

    record = await stage.handler.record(1)
    assert stage.letters() == ()
    assert record.call.agent == AGENT
    assert (record.call.status, record.call.end_reason, record.call.next) == (
        CallStatus.ENDED,
        EndReason.CALLER_HUNG_UP,
        NextAction.HANG_UP,
    )
    assert [claim.attempt for claim in record.claims] == [1]
    assert record.call.started_at == record.claims[0].claimed_at
    assert [turn.text for turn in record.turns] == ["Hello."]


async def test_a_store_that_stays_away_gets_it_as_a_dead_letter(stage: Stage) -> None:
    async with stage.call(1) as socket:
        await stage.hang_up(socket, 1)
    await stopped(stage)
    (letter,) = stage.letters()
    assert await stage.handler.store.read_call(call_sid(1)) is None

    await replay(stage.handler.store, letter)

    record = await stage.handler.record(1)
    assert (record.call.agent, record.call.caller) == (AGENT, a_call().caller)
    assert (record.call.status, record.call.end_reason) == (
        CallStatus.ENDED,
        EndReason.CALLER_HUNG_UP,
    )
    assert [turn.text for turn in record.turns] == ["Hello."]
    assert len(record.claims) == 1


@pytest.mark.parametrize("slow_s", [0.0, 60.0], ids=["away", "hangs"])
async def test_stopping_waits_for_such_a_store_no_longer_than_it_may(
    stage: Stage, slow_s: float
) -> None:
    async with stage.call(1), stage.handler.socket() as second:
        await second.send(travelling(2))
        stage.store.slow_s = slow_s  # also slows a call that is just being let in
        await stopped(stage)

    assert {letter.call.call_sid for letter in stage.letters()} == {call_sid(1), call_sid(2)}
    reasons = {letter.changes.end_reason for letter in stage.letters()}
    assert reasons == {EndReason.HANDLER_STOPPED}


async def test_the_ordinary_log_holds_nothing_that_was_said(stage: Stage) -> None:
    async with stage.call(1) as socket:
        await stage.hang_up(socket, 1)
    await stopped(stage)

    ordinary = [line for line in stage.output.getvalue().splitlines() if "dead_letter" not in line]
    (left,) = [line for line in ordinary if "logged as a dead letter" in line]
    assert json.loads(left)["call_sid"] == call_sid(1)
    for secret in ("Hello.", a_call().caller, "+14155550166"):
        assert secret not in "".join(ordinary)


async def test_a_token_still_lets_in_one_stream_only(stage: Stage) -> None:
    begin = travelling(1)
    async with stage.handler.socket() as first, stage.handler.socket() as second:
        await asyncio.gather(first.send(begin), second.send(begin))
        losers = [asyncio.ensure_future(closed(socket)) for socket in (first, second)]
        done, carried = await asyncio.wait(losers, return_when=asyncio.FIRST_COMPLETED)
        await stage.handler.gemini.heard(is_text)

        (lost,) = done
        assert lost.result() == (1008, "the call is already held")
        assert stage.handler.gemini.attempts == 1
        for waiting in carried:
            waiting.cancel()


async def test_a_stream_that_the_store_let_in_is_not_let_in_again_without_it(stage: Stage) -> None:
    stage.store.away = False
    begin = travelling(1)
    async with stage.handler.socket() as first, stage.handler.socket() as second:
        await first.send(begin)
        await stage.handler.gemini.heard(is_text)
        stage.store.away = True
        await second.send(begin)

        assert await closed(second) == (1008, "the call is already held")
    assert stage.handler.gemini.attempts == 1


async def test_a_call_that_somebody_else_made_up_is_refused(stage: Stage) -> None:
    async with stage.handler.socket() as socket:
        await socket.send(travelling(1, secret="x" * 64))

        code, reason = await closed(socket)

    assert code == 1008
    assert "signature" in reason
    assert stage.handler.gemini.attempts == 0


async def test_another_attempt_than_the_tokens_is_refused(stage: Stage) -> None:
    packed = travelling_call.pack((TOKEN_SECRET,), a_call(call_sid=call_sid(1)))
    parameters = {"token": token(1, attempt=2), **packed}
    async with stage.handler.socket() as socket:
        await socket.send(start(1, customParameters=parameters))

        assert await closed(socket) == (1008, "the stream carries another attempt")


# The store is slow, or knows more


async def test_a_store_that_hangs_does_not_keep_a_call_from_starting(stage: Stage) -> None:
    stage.store.slow_s = 60.0
    async with stage.call(1):
        pass


async def test_a_store_that_answers_is_told_of_a_call_it_never_got(stage: Stage) -> None:
    """The store was away when the webhook needed it, and is back now."""
    stage.store.away = False
    async with stage.call(1):
        record = await stage.handler.record(1)

    assert record.call.status is CallStatus.IN_PROGRESS
    assert record.call.agent == AGENT
    assert len(record.claims) == 1


async def test_what_the_store_has_counts_more_than_what_travels(stage: Stage) -> None:
    stored = an_agent(greeting="Hello from the store.")
    await stage.handler.store.open_call(a_call(call_sid=call_sid(1), agent=stored))
    stage.store.away = False
    async with stage.call(1):
        greeting = await stage.handler.gemini.heard(is_text)

    assert "Hello from the store." in json.dumps(greeting)


async def test_a_call_that_is_over_is_not_carried_because_it_travels(stage: Stage) -> None:
    ended = CallChanges(status=CallStatus.ENDED, end_reason=EndReason.NEVER_STREAMED)
    await stage.handler.store.open_call(a_call(call_sid=call_sid(1)))
    await stage.handler.store.save(call_sid(1), 1, ended)
    stage.store.away = False
    async with stage.handler.socket() as socket:
        await socket.send(travelling(1))

        code, _ = await closed(socket)

    assert code == 1008
    assert stage.handler.gemini.attempts == 0


async def test_a_store_that_lost_the_call_gets_all_of_it_again(
    stage: Stage, tmp_path: Path
) -> None:
    """As when an emulator is restarted and comes back empty."""
    stage.store.away = False
    async with stage.call(1) as socket:
        await socket.send(echo(await next_event(socket, "mark")))
        await until_stored(stage, turns=1)
        with closing(sqlite3.connect(tmp_path / "records.db")) as database:
            database.execute("DELETE FROM documents")
            database.commit()
        await socket.send(stop(1))
        await closed(socket)
    await stopped(stage)

    record = await stage.handler.record(1)
    assert record.call.end_reason is EndReason.CALLER_HUNG_UP
    assert [turn.text for turn in record.turns] == ["Hello."]
    assert len(record.claims) == 1
    assert stage.letters() == ()


# Another stream has the call


async def test_a_stream_that_lost_its_call_meanwhile_ends_and_writes_nothing(stage: Stage) -> None:
    store = stage.handler.store
    async with stage.call(1) as socket:
        await store.open_call(a_call(call_sid=call_sid(1), agent=AGENT))
        await store.claim(call_sid(1), a_claim(handler="another"))
        before = await stage.handler.record(1)
        stage.store.away = False
        code, _ = await closed(socket)
    await stopped(stage)

    (letter,) = stage.letters()
    assert code == 1000
    assert await stage.handler.record(1) == before
    assert [turn.text for turn in letter.changes.turns] == ["Hello."]
    assert letter.changes.fields() == {}
