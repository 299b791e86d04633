from hypothesis import given, strategies as st

from simulators.twilio.playout import MAX_BUFFERED_BYTES, Cleared, PlayoutBuffer, Tick
from simulators.twilio.stream_messages import FRAME_BYTES, SILENT_FRAME

A, B, C = (bytes([n]) * FRAME_BYTES for n in (1, 2, 3))


def test_audio_is_played_in_order_and_then_there_is_silence() -> None:
    playout = PlayoutBuffer()
    playout.append(A)
    playout.append(B)
    assert [playout.tick().frame for _ in range(3)] == [A, B, SILENT_FRAME]


def test_a_part_of_a_frame_is_filled_with_silence() -> None:
    playout = PlayoutBuffer()
    playout.append(A[:100])
    assert playout.tick().frame == A[:100] + SILENT_FRAME[100:]
    assert playout.tick().frame is SILENT_FRAME


def test_a_mark_comes_back_when_the_audio_before_it_has_been_played_to_its_end() -> None:
    playout = PlayoutBuffer()
    playout.append(A)
    assert not playout.mark("after a")
    playout.append(B)
    assert playout.tick() == Tick(A, ())
    assert playout.tick() == Tick(B, ("after a",))


def test_a_mark_comes_back_at_once_when_nothing_is_queued() -> None:
    playout = PlayoutBuffer()
    assert playout.mark("first")
    playout.append(A)
    playout.tick()
    assert not playout.mark("while the last frame plays")
    assert playout.tick().marks == ("while the last frame plays",)
    assert playout.mark("after all")


def test_marks_keep_their_order() -> None:
    playout = PlayoutBuffer()
    playout.append(A[:10])
    playout.mark("1")
    playout.mark("2")
    playout.tick()
    assert playout.tick().marks == ("1", "2")


def test_clear_drops_what_is_queued_and_returns_all_marks() -> None:
    playout = PlayoutBuffer()
    playout.append(A + B + C)
    playout.mark("1")
    assert playout.tick().frame == A
    assert playout.clear() == Cleared(dropped_ms=40, marks=("1",))
    assert playout.tick() == Tick(SILENT_FRAME, ())
    assert playout.finished


def test_after_a_clear_marks_wait_for_the_frame_that_is_playing() -> None:
    playout = PlayoutBuffer()
    playout.append(A + B)
    playout.tick()
    playout.clear()
    assert not playout.mark("later")
    assert playout.tick().marks == ("later",)


def test_more_than_ten_minutes_are_discarded() -> None:
    playout = PlayoutBuffer()
    assert playout.append(b"\x01" * (MAX_BUFFERED_BYTES - 1)) == 0
    assert playout.append(A) == FRAME_BYTES - 1
    assert playout.buffered_ms == 10 * 60 * 1000


@given(st.lists(st.one_of(st.binary(max_size=400), st.just(None)), max_size=40))
def test_nothing_is_lost_or_doubled(steps: list[bytes | None]) -> None:
    """None is a tick; marks stand after each piece and must come back after its last byte."""
    playout, sent, heard = PlayoutBuffer(), b"", b""
    reached: list[str] = []
    positions: dict[str, int] = {}

    def tick() -> None:
        nonlocal heard
        before = len(heard)
        result = playout.tick()
        for name in result.marks:
            assert positions[name] <= before, f"{name} came back before it was played"
        reached.extend(result.marks)
        heard += result.frame[: min(FRAME_BYTES, len(sent) - len(heard))]

    for step in steps:
        if step is None:
            tick()
            continue
        playout.append(step)
        sent += step
        positions[str(len(positions))] = len(sent)
        if playout.mark(str(len(positions) - 1)):
            reached.append(str(len(positions) - 1))
    while not playout.finished:
        tick()
    assert heard == sent
    assert reached == list(positions), "marks come back in order, each once"
