from hypothesis import given, strategies as st

from simulators.twilio.playout import PlayoutBuffer
from simulators.twilio.stream_messages import FRAME_BYTES, SILENT_FRAME

A, B, C = (bytes([n]) * FRAME_BYTES for n in (1, 2, 3))


def test_a_part_of_a_frame_is_filled_with_silence() -> None:
    playout = PlayoutBuffer()
    playout.append(A[:100])
    assert playout.tick().frame == A[:100] + SILENT_FRAME[100:]
    assert playout.tick().frame is SILENT_FRAME


def test_a_mark_comes_back_immediately_when_nothing_is_queued() -> None:
    playout = PlayoutBuffer()
    assert playout.mark("first")
    playout.append(A)
    playout.tick()
    assert not playout.mark("while the last frame plays")
    assert playout.tick().marks == ("while the last frame plays",)
    assert playout.mark("after all")


def test_after_a_clear_marks_wait_for_the_frame_that_is_playing() -> None:
    playout = PlayoutBuffer()
    playout.append(A + B)
    playout.tick()
    playout.clear()
    assert not playout.mark("later")
    assert playout.tick().marks == ("later",)


@given(st.lists(st.one_of(st.binary(max_size=400), st.just(None)), max_size=40))
def test_nothing_is_lost_or_doubled(steps: list[bytes | None]) -> None:
    """None is a tick; marks follow each piece and must come back after its last byte."""
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
    assert reached == list(positions), "marks must come back in order, each once"
