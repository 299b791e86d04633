"""Any range of a recording can be read, even if parts are missing, late or too long."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ringdown.audio.telephone import decode_mulaw
from ringdown.calls.recorded_sound import RecordedSound, recorded_sound
from ringdown.calls.recordings import KeptPart, RecordingPart
from tests.ringdown.samples import CALL_SID


class Shelf:
    """A recording store in memory that notes which parts were read."""

    def __init__(self, *parts: RecordingPart) -> None:
        self.parts = {part.kept: part for part in parts}
        self.read: list[int] = []

    async def keep_part(self, call_sid: str, part: RecordingPart) -> None:
        raise NotImplementedError

    async def list_parts(self, call_sid: str) -> tuple[KeptPart, ...]:
        return tuple(sorted(self.parts))

    async def read_part(self, call_sid: str, part: KeptPart) -> bytes:
        self.read.append(part.number)
        found = self.parts.get(part)
        return b"" if found is None else found.wav()

    async def erase_recording(self, call_sid: str) -> bool:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def a_part(number: int, offset_ms: int, length_ms: int, *, attempt: int = 1) -> RecordingPart:
    caller, agent = bytes([number]) * 8 * length_ms, bytes([128 + number]) * 8 * length_ms
    return RecordingPart(attempt, number, offset_ms, caller, agent)


async def joined(*parts: RecordingPart) -> RecordedSound:
    sound = await recorded_sound(Shelf(*parts), CALL_SID)
    assert sound is not None
    return sound


def levels(*stretches: tuple[int | None, int]) -> list[int]:
    """Return the samples of stretches, each given as a µ-law code (None: silence) and ms."""
    return [
        0 if code is None else int(decode_mulaw(bytes([code]))[0])
        for code, length_ms in stretches
        for _ in range(8 * length_ms)
    ]


async def test_parts_are_joined_and_gaps_are_silent() -> None:
    sound = await joined(a_part(1, 2_000, 10), a_part(2, 2_010, 10), a_part(3, 2_030, 5))
    caller, agent = await sound.sides()
    assert caller.tolist() == levels((1, 10), (2, 10), (None, 10), (3, 5))
    assert agent.tolist() == levels((129, 10), (130, 10), (None, 10), (131, 5))
    assert (sound.began_ms, sound.duration_ms) == (2_000, 35)


async def test_the_next_attempt_cuts_what_its_predecessor_has_of_the_same_time() -> None:
    sound = await joined(a_part(1, 0, 30), a_part(2, 20, 30, attempt=2))
    caller, _ = await sound.sides()
    assert caller.tolist() == levels((1, 20), (2, 30))


async def test_clocks_that_go_backwards_lose_no_order() -> None:
    sound = await joined(a_part(1, 100, 10), a_part(2, 90, 10, attempt=2))
    caller, _ = await sound.sides()
    assert caller.tolist()[-80:] == levels((2, 10))


async def test_a_part_that_is_gone_is_silent() -> None:
    shelf = Shelf(a_part(1, 0, 10), a_part(2, 10, 10))
    sound = await recorded_sound(shelf, CALL_SID)
    shelf.parts.popitem()
    assert sound is not None
    caller, _ = await sound.sides()
    assert caller.tolist() == levels((1, 10), (None, 10))


async def test_nothing_recorded_is_no_sound() -> None:
    assert await recorded_sound(Shelf(), CALL_SID) is None
    assert await recorded_sound(None, CALL_SID) is None


PARTS = (a_part(1, 0, 7), a_part(2, 7, 3), a_part(3, 15, 2), a_part(4, 17, 5))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 800), st.integers(0, 800))
async def test_any_range_is_what_it_is_of_the_whole(first: int, length: int) -> None:
    sound = await joined(*PARTS)
    whole = b"".join([piece async for piece in sound.wav()])
    assert len(whole) == sound.wav_bytes
    piece = b"".join([piece async for piece in sound.wav(first, first + length)])
    assert piece == whole[first : first + length]


async def test_a_range_reads_no_part_that_it_does_not_need() -> None:
    shelf = Shelf(*(a_part(n, 10 * n, 10) for n in range(1, 100)))
    sound = await recorded_sound(shelf, CALL_SID)
    assert sound is not None
    first = 44 + 4 * 8 * 500
    assert b"".join([piece async for piece in sound.wav(first, first + 8)])
    assert shelf.read == [51]


async def test_a_long_gap_is_not_held_in_memory() -> None:
    sound = await joined(a_part(1, 0, 10), a_part(2, 3_600_000, 10))
    longest = max([len(piece) async for piece in sound.wav()])
    assert longest <= 64_000
    assert sound.duration_ms == 3_600_010


@pytest.mark.parametrize("side", [0, 1])
async def test_the_page_and_the_file_hear_the_same(side: int, tmp_path: Path) -> None:
    sound = await joined(*PARTS)
    whole = b"".join([piece async for piece in sound.wav()])
    both = np.frombuffer(whole[44:], "<i2").reshape(-1, 2)
    assert (await sound.sides())[side].tolist() == both[:, side].tolist()
