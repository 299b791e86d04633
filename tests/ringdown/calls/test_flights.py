import random

import pytest

from ringdown.calls.flights import DamagedFlight, FlightPart, pack, unpack
from ringdown.stores.storable import to_document

LARGEST_DOCUMENT_BYTES = 1_048_576
NOISE = random.Random(7).randbytes(1_200_000)  # noqa: S311 - can't be compressed


def test_a_record_comes_back_whatever_its_size() -> None:
    for record in (b"", b"short", NOISE):
        assert unpack(reversed(pack(2, record))) == record


def test_each_part_fits_a_document() -> None:
    parts = pack(1, NOISE)
    assert [(part.part, part.of) for part in parts] == [(1, 3), (2, 3), (3, 3)]
    assert all(len(str(to_document(part)["body"])) < LARGEST_DOCUMENT_BYTES for part in parts)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((), "part 1 of 1 is missing"),
        (pack(1, NOISE)[::2], "part 2 of 3 is missing"),
        ((FlightPart(attempt=1, part=1, of=1, body=b"no zlib"),), "incorrect header check"),
        ((FlightPart(attempt=1, part=1, of=1, body=b"x\x9c"),), "its end is missing"),
    ],
)
def test_a_damaged_record_is_told(parts: tuple[FlightPart, ...], why: str) -> None:
    with pytest.raises(DamagedFlight, match=why):
        unpack(parts)
