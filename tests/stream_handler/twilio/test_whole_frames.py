"""Read and written here as the library reads and writes."""

import itertools

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, SERVER, Protocol

from stream_handler.twilio.whole_frames import LONGEST, masks, read_whole, text_frame

LENGTHS = (0, 1, 125, 126, 127, 128, 255, 256, 900, LONGEST)
MASK = b"\x07\x80\xff\x31"
SIDES = pytest.mark.parametrize("masked", [False, True], ids=["from a server", "from a client"])


def written_by_the_library(frame: Frame, *, masked: bool) -> bytes:
    return frame.serialize(mask=masked)


def read_by_the_library(data: bytes, *, masked: bool) -> list[bytes]:
    protocol = Protocol(SERVER if masked else CLIENT)
    protocol.receive_data(data)
    events = protocol.events_received()
    return [bytes(event.data) for event in events if isinstance(event, Frame)]


@SIDES
@pytest.mark.parametrize("length", [*LENGTHS, LONGEST + 1])
def test_the_library_reads_what_is_written(length: int, masked: bool) -> None:
    payload = bytes(n % 251 for n in range(length))
    written = text_frame(payload, MASK if masked else None)

    assert read_by_the_library(written, masked=masked) == [payload]
    if not masked:
        assert written == written_by_the_library(Frame(Opcode.TEXT, payload), masked=False)


@SIDES
@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
def test_what_the_library_writes_is_read_one_after_the_other(opcode: Opcode, masked: bool) -> None:
    payloads = [bytes(n % 253 for n in range(length)) for length in LENGTHS]
    data = b"".join(written_by_the_library(Frame(opcode, p), masked=masked) for p in payloads)

    at, read = 0, []
    while whole := read_whole(data, at, opcode, masked=masked):
        payload, at = whole
        read.append(payload)

    assert read == payloads
    assert at == len(data)


@SIDES
@pytest.mark.parametrize("length", [0, 125, 126, 300])
def test_a_frame_that_is_not_all_there_is_left(length: int, masked: bool) -> None:
    before = written_by_the_library(Frame(Opcode.TEXT, b"before"), masked=masked)
    frame = written_by_the_library(Frame(Opcode.TEXT, bytes(length)), masked=masked)
    for there in range(len(frame)):
        data = before + frame[:there]
        assert read_whole(data, len(before), Opcode.TEXT, masked=masked) is None, there


@SIDES
@pytest.mark.parametrize(
    "frame",
    [
        Frame(Opcode.TEXT, b"a piece", fin=False),
        Frame(Opcode.CONT, b"the rest"),
        Frame(Opcode.BINARY, b"of another kind"),
        Frame(Opcode.PING, b"ping"),
        Frame(Opcode.CLOSE, b"\x03\xe8"),
        Frame(Opcode.TEXT, bytes(LONGEST + 1)),
    ],
    ids=lambda frame: str(frame)[:20],
)
def test_every_other_frame_is_left_to_the_library(frame: Frame, masked: bool) -> None:
    data = written_by_the_library(frame, masked=masked)
    assert read_whole(data, 0, Opcode.TEXT, masked=masked) is None


@SIDES
@pytest.mark.parametrize("length", [5, 300])
def test_a_frame_from_the_wrong_side_is_left_to_the_library(length: int, masked: bool) -> None:
    data = written_by_the_library(Frame(Opcode.TEXT, bytes(length)), masked=not masked)
    assert read_whole(data, 0, Opcode.TEXT, masked=masked) is None


def test_masks_differ() -> None:
    drawn = list(itertools.islice(masks(), 200))
    assert {len(mask) for mask in drawn} == {4}
    assert len(set(drawn)) > 195
