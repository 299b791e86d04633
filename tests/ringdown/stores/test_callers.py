"""Blocking, remembering and forgetting callers, in every store."""

import asyncio
import datetime
from pathlib import Path

import msgspec
import pytest

from ringdown.calls import RETENTION, CallChanges, CallStatus, EndReason
from ringdown.calls.callers import BlockedCallers, Caller, Forgotten, ForgottenBlocks, Memory
from ringdown.calls.flights import FlightPart
from ringdown.calls.recordings import RecordingPart
from ringdown.errors import InvalidDocument, RecordingsOutOfReach, StoreUnavailable
from ringdown.stores import Store, open_store
from ringdown.stores.recordings import RecordingPlace
from tests.ringdown.samples import (
    CALL_SID,
    CALLER,
    NOW,
    a_call,
    a_claim,
    a_tool_call,
    a_turn,
    an_agent,
)
from tests.ringdown.stores.contract import Put
from tests.storage_stand_in import ALL, BUCKET, storage_stand_in

LATER = NOW + datetime.timedelta(minutes=3)
MEMORY = Memory(text="Asked for Thursday’s delivery.", call_sid=CALL_SID, at=NOW)
OTHER_CALLER = "+14155550124"


async def test_an_unknown_caller_is_neither_blocked_nor_remembered(store: Store) -> None:
    assert await store.read_caller(CALLER) == Caller()


@pytest.mark.parametrize("number", [CALLER, "anonymous", "sip:desk/7@example.com", "unknown", ".."])
async def test_whoever_calls_can_be_blocked_and_unblocked(
    store: Store, other_store: Store, number: str
) -> None:
    await store.block_caller(number, True)
    assert await other_store.read_caller(number) == Caller(blocked=True)
    assert await store.read_caller(OTHER_CALLER) == Caller()
    await other_store.block_caller(number, False)
    assert await store.read_caller(number) == Caller()


async def test_who_is_blocked_is_listed(store: Store, put: Put) -> None:
    assert await store.blocked_callers() == BlockedCallers(callers=(), forgotten=0)
    for caller in ("sip:desk/7@example.com", CALLER, OTHER_CALLER):
        await store.block_caller(caller, True)
    await store.block_caller(OTHER_CALLER, False)
    await put("callers/+14155550188", {"blocked": "yes"})
    assert await store.blocked_callers() == BlockedCallers(
        callers=(CALLER, "sip:desk/7@example.com"), forgotten=0
    )
    await store.forget_caller(CALLER)
    assert await store.blocked_callers() == BlockedCallers(
        callers=("sip:desk/7@example.com",), forgotten=1
    )


async def test_a_memory_replaces_the_one_before_but_no_later_one(store: Store) -> None:
    await store.open_call(a_call())
    later = Memory(text="Asked again.", call_sid=CALL_SID, at=LATER)
    kept = [
        await store.remember_caller(CALLER, memory, memory.at + RETENTION)
        for memory in (MEMORY, later, MEMORY)
    ]
    assert kept == [True, True, False]
    assert await store.read_caller(CALLER) == Caller(memory=later, expires_at=LATER + RETENTION)


async def test_a_blocked_callers_entry_never_expires(store: Store) -> None:
    await store.open_call(a_call())
    await store.remember_caller(CALLER, MEMORY, NOW + RETENTION)
    await store.block_caller(CALLER, True)
    assert await store.read_caller(CALLER) == Caller(blocked=True, memory=MEMORY)
    later = Memory(text="Asked again.", call_sid=CALL_SID, at=LATER)
    await store.remember_caller(CALLER, later, LATER + RETENTION)
    assert await store.read_caller(CALLER) == Caller(blocked=True, memory=later)
    await store.block_caller(CALLER, False)
    assert await store.read_caller(CALLER) == Caller(memory=later, expires_at=LATER + RETENTION)


async def test_blocking_and_remembering_together_lose_neither(
    store: Store, other_store: Store
) -> None:
    await store.open_call(a_call())
    await asyncio.gather(
        store.remember_caller(CALLER, MEMORY, NOW + RETENTION),
        other_store.block_caller(CALLER, True),
    )
    assert await store.read_caller(CALLER) == Caller(blocked=True, memory=MEMORY)


async def test_a_damaged_caller_can_still_be_blocked(store: Store, put: Put) -> None:
    await put(f"callers/{CALLER}", {"blocked": "perhaps"})
    with pytest.raises(InvalidDocument, match=r"^callers/…: blocked: "):
        await store.read_caller(CALLER)
    await store.block_caller(CALLER, True)
    assert await store.read_caller(CALLER) == Caller(blocked=True)


# Forgetting


async def calls_of(store: Store, caller: str, *, first: int, count: int) -> None:
    for n in range(first, first + count):
        call_sid = f"CA{n:032x}"
        call = msgspec.structs.replace(a_call(call_sid=call_sid), caller=caller)
        await store.open_call(call)
        await store.claim(call_sid, a_claim())
        changes = CallChanges(turns=(a_turn(1), a_turn(2)), tool_calls=(a_tool_call("a"),))
        await store.save(call_sid, 1, changes)
        await store.keep_flight(call_sid, (FlightPart(attempt=1, part=1, of=1, body=b"f"),))


async def test_a_memory_that_comes_after_its_caller_was_forgotten_is_not_kept(store: Store) -> None:
    await store.open_call(a_call())
    await store.forget_caller(CALLER)

    assert not await store.remember_caller(CALLER, MEMORY, NOW + RETENTION)
    assert await store.read_caller(CALLER) == Caller()


async def test_forgetting_erases_a_callers_every_trace_and_nobody_elses(store: Store) -> None:
    await calls_of(store, CALLER, first=0, count=25)
    await calls_of(store, OTHER_CALLER, first=100, count=1)
    memory = msgspec.structs.replace(MEMORY, call_sid=f"CA{0:032x}")
    await store.remember_caller(CALLER, memory, NOW + RETENTION)
    await store.block_caller(OTHER_CALLER, True)
    ended = CallChanges(status=CallStatus.ENDED, end_reason=EndReason.CALLER_HUNG_UP)
    await store.save(f"CA{3:032x}", 1, ended)

    assert await store.forget_caller(CALLER) == Forgotten(
        callers=1, calls=25, documents=125, in_progress=24
    )

    assert await store.read_caller(CALLER) == Caller()
    for n in range(25):
        assert await store.read_record(f"CA{n:032x}") is None
    kept = await store.read_record(f"CA{100:032x}")
    assert kept is not None
    assert (len(kept.claims), len(kept.turns), len(kept.tool_calls)) == (1, 2, 1)
    assert await store.read_caller(OTHER_CALLER) == Caller(blocked=True)


@pytest.mark.parametrize("kind", ["folder", "bucket"])
async def test_forgetting_leaves_no_sound(store_url: str, kind: str, tmp_path: Path) -> None:
    async with storage_stand_in() as storage:
        name = f"gs://{BUCKET}" if kind == "bucket" else str(tmp_path / "sounds")
        place = RecordingPlace(name, storage.url)
        async with open_store(store_url, place) as store:
            assert store.recordings is not None
            recorded = msgspec.structs.replace(an_agent(), record=True)
            for n in (*range(25), 100):
                agent = recorded if n in (3, 7, 100) else None
                call = a_call(call_sid=f"CA{n:032x}", agent=agent)
                caller = OTHER_CALLER if n == 100 else CALLER
                await store.open_call(msgspec.structs.replace(call, caller=caller))
            for n in (3, 7, 100):
                for number in (1, 2):
                    part = RecordingPart(1, number, 8_000 * number, b"ab", b"cd")
                    await store.recordings.keep_part(f"CA{n:032x}", part)

            # The first time, the recording store fails halfway.
            storage.permissions = ALL - {"delete"}
            if kind == "bucket":
                with pytest.raises(StoreUnavailable, match="HTTP 403"):
                    await store.forget_caller(CALLER)
            storage.permissions = ALL
            erased = await store.forget_caller(CALLER)

            assert erased.recordings == 2
            for n in range(25):
                assert await store.recordings.list_parts(f"CA{n:032x}") == ()
                assert await store.read_call(f"CA{n:032x}") is None
            assert len(await store.recordings.list_parts(f"CA{100:032x}")) == 2
        assert len([*storage.objects, *(tmp_path / "sounds").rglob("*.wav")]) == 2


async def test_no_record_is_erased_while_its_recording_is_out_of_reach(
    firestore_project: str,
) -> None:
    async with open_store(f"firestore:{firestore_project}") as store:
        await store.open_call(a_call(agent=msgspec.structs.replace(an_agent(), record=True)))
        await store.claim(CALL_SID, a_claim())
        with pytest.raises(RecordingsOutOfReach, match="Set RECORDINGS to gs://BUCKET"):
            await store.forget_caller(CALLER)
        assert await store.read_call(CALL_SID) is not None


async def test_a_call_that_never_streamed_has_no_recording_to_reach(
    firestore_project: str,
) -> None:
    """The doctor makes such calls, and may not access recordings."""
    async with open_store(f"firestore:{firestore_project}") as store:
        await store.open_call(a_call(agent=msgspec.structs.replace(an_agent(), record=True)))
        assert (await store.forget_caller(CALLER)).calls == 1


@pytest.mark.parametrize("number", [CALLER, "anonymous", "sip:desk/7@example.com"])
async def test_a_forgotten_caller_who_was_blocked_stays_blocked_until_unblocked(
    store: Store, other_store: Store, number: str
) -> None:
    await store.block_caller(number, True)
    erased = Forgotten(callers=1, calls=0, documents=0, still_blocked=True)
    assert await store.forget_caller(number) == erased
    assert await other_store.read_caller(number) == Caller(blocked=True)
    assert await other_store.read_caller(OTHER_CALLER) == Caller()

    nothing_more = Forgotten(callers=0, calls=0, documents=0, still_blocked=True)
    assert await store.forget_caller(number) == nothing_more
    await other_store.block_caller(number, False)
    assert await store.read_caller(number) == Caller()
    assert await store.forget_caller(number) == Forgotten(callers=0, calls=0, documents=0)


async def test_several_blocks_are_kept_of_forgotten_callers(store: Store) -> None:
    for number in (CALLER, OTHER_CALLER):
        await store.block_caller(number, True)
        await store.forget_caller(number)
    await store.block_caller(CALLER, False)
    assert await store.read_caller(CALLER) == Caller()
    assert await store.read_caller(OTHER_CALLER) == Caller(blocked=True)


async def test_a_forgotten_caller_who_is_blocked_again_is_unblocked_once(store: Store) -> None:
    await store.block_caller(CALLER, True)
    await store.forget_caller(CALLER)
    await store.block_caller(CALLER, True)
    await store.block_caller(CALLER, False)
    assert await store.read_caller(CALLER) == Caller()


def test_a_kept_block_does_not_name_the_caller() -> None:
    one, other = (ForgottenBlocks().having(CALLER) for _ in range(2))
    assert one.include(CALLER)
    assert CALLER[1:] not in str(one)
    assert one.digests != other.digests, "a number's digest must differ from store to store"


async def test_forgetting_who_is_not_known_is_no_error(store: Store) -> None:
    assert await store.forget_caller(CALLER) == Forgotten(callers=0, calls=0, documents=0)


async def test_what_was_below_a_forgotten_call_does_not_come_back(store: Store) -> None:
    await calls_of(store, CALLER, first=0, count=1)
    await store.forget_caller(CALLER)
    await store.open_call(a_call(call_sid=f"CA{0:032x}"))
    record = await store.read_record(f"CA{0:032x}")
    assert record is not None
    assert (record.claims, record.turns, record.tool_calls) == ((), (), ())
    assert await store.read_flights(record.call.call_sid) == ()


async def test_the_embedded_stores_file_keeps_no_word_of_a_forgotten_caller(
    tmp_path: Path,
) -> None:
    said = "My password is swordfish."
    async with open_store(f"sqlite:{tmp_path / 'ringdown.db'}") as store:
        await store.block_caller(CALLER, True)
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        for n in range(20):
            turn = a_turn(n, text=f"{said} {'So it is. ' * 600}")
            await store.save(CALL_SID, 1, CallChanges(turns=(turn,)))
        assert files_with(said, tmp_path) != []
        await store.forget_caller(CALLER)
        assert files_with(said, tmp_path) == []
        assert files_with(CALLER, tmp_path) == [], "the kept block names the caller"


def files_with(text: str, folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if text.encode() in file.read_bytes()]
