import pytest
from hypothesis import given, strategies as st

from stream_handler.call.actions import ClearPlayback, PlayAudio, SendMark
from stream_handler.call.playback import BYTES_PER_MS, Playback
from tests.stream_handler.call.line import Line
from tests.stream_handler.call.stage import Stage

MARK_EVERY_MS = 200


def test_what_was_heard_grows_with_time_up_to_the_next_mark() -> None:
    playback = Playback()
    playback.add(200 * BYTES_PER_MS, 1_000)
    playback.add(100 * BYTES_PER_MS, 1_000)

    assert playback.heard(1_000) == 0
    assert playback.heard(1_150) == 150 * BYTES_PER_MS
    assert playback.heard(9_000) == 200 * BYTES_PER_MS, "a mark without an echo was passed"


def test_an_echo_moves_the_estimate_to_its_mark() -> None:
    playback = Playback()
    first = playback.add(200 * BYTES_PER_MS, 0)
    playback.add(200 * BYTES_PER_MS, 0)
    assert first is not None

    assert playback.mark_received(first, 260)

    assert playback.heard(260) == 200 * BYTES_PER_MS
    assert playback.heard(300) == 240 * BYTES_PER_MS


def test_an_echo_vouches_for_the_marks_before_it() -> None:
    playback = Playback()
    playback.add(200 * BYTES_PER_MS, 0)
    second = playback.add(200 * BYTES_PER_MS, 0)
    assert second is not None

    assert playback.mark_received(second, 410)

    assert playback.idle


@pytest.mark.parametrize("name", ["m7", "", "another's"])
def test_an_unknown_mark_tells_nothing(name: str) -> None:
    playback = Playback()
    playback.add(200 * BYTES_PER_MS, 0)

    assert not playback.mark_received(name, 100)
    assert playback.heard(100) == 100 * BYTES_PER_MS


def test_a_repeated_echo_tells_nothing() -> None:
    playback = Playback()
    name = playback.add(200 * BYTES_PER_MS, 0)
    assert name is not None

    assert playback.mark_received(name, 210)
    assert not playback.mark_received(name, 220)


def test_marks_that_come_back_because_of_a_clear_are_not_taken_as_heard() -> None:
    stage = Stage().greeted()
    stage.audio(3_000, value=7)
    stage.pass_ms(1_000)

    actions = stage.interrupted()
    stage.pass_ms(1_000)  # the line returns the pending marks

    assert actions[0] == ClearPlayback()
    assert stage.played_ms(7) == 1_000
    [_, turn] = stage.record.turns.values()
    assert turn.interrupted
    assert turn.end_ms - turn.start_ms == 1_000, "the cleared marks moved the end of the turn"


def test_one_big_chunk_is_marked_every_200_ms() -> None:
    stage = Stage().begun()

    actions = stage.audio(1_000)

    assert [type(action) for action in actions[:10]] == [PlayAudio, SendMark] * 5
    assert all(len(a.mulaw) == MARK_EVERY_MS * 8 for a in actions if isinstance(a, PlayAudio))


def test_a_complete_reply_ends_with_one_mark() -> None:
    stage = Stage().begun()
    stage.audio(90)

    assert [type(a) for a in stage.generation_completed()] == [SendMark]
    assert not [a for a in stage.turn_completed() if isinstance(a, SendMark)], (
        "a second mark at the end of the turn"
    )


def test_a_reply_of_whole_marks_gets_no_second_mark_at_its_end() -> None:
    stage = Stage().begun()
    stage.audio(400)

    assert not [a for a in stage.generation_completed() if isinstance(a, SendMark)]


def test_a_model_slower_than_the_line_does_not_fool_the_estimate() -> None:
    """The model sends 100 ms, pauses for a second, and sends a second of speech in one chunk, of
    which the caller hears 100 ms."""
    stage = Stage().begun()
    stage.agent_text(" ".join(str(number) for number in range(110)))
    stage.audio(100)
    stage.pass_ms(1_000)
    stage.audio(1_000)
    stage.pass_ms(100)

    stage.interrupted()

    [turn] = stage.record.turns.values()
    heard_ms = len(turn.text.split()) * 10
    assert stage.played_ms() == 200
    assert abs(heard_ms - 200) <= 200, f"{heard_ms} ms are claimed; 200 ms were heard"


def test_audio_after_a_clear_starts_a_new_count() -> None:
    playback = Playback()
    playback.add(200 * BYTES_PER_MS, 0)
    assert playback.clear(50) == 50 * BYTES_PER_MS

    playback.add(80 * BYTES_PER_MS, 5_000)

    assert playback.heard(5_040) == (200 + 40) * BYTES_PER_MS


@given(
    chunks=st.lists(
        st.tuples(st.integers(1, 1_500), st.integers(0, 1_500)), min_size=1, max_size=12
    ),
    down_ms=st.sampled_from([0, 60, 250]),
    up_ms=st.sampled_from([0, 40, 250]),
    echoing=st.booleans(),
)
def test_the_estimate_never_claims_200_ms_more_than_was_played(
    chunks: list[tuple[int, int]], down_ms: int, up_ms: int, echoing: bool
) -> None:
    """Try chunks and pauses of any length, on lines with any delay."""
    stage = Stage(line=Line(down_ms=down_ms, up_ms=up_ms)).begun()
    stage.line.echoing = echoing
    sent_ms = 0
    for length_ms, pause_ms in chunks:
        stage.agent_text("w " * length_ms)  # one word for each ms
        stage.audio(length_ms)
        sent_ms += length_ms
        stage.pass_ms(pause_ms)

    stage.interrupted()

    claimed_ms = sum(len(turn.text.split()) for turn in stage.record.turns.values())
    assert claimed_ms <= min(stage.played_ms() + MARK_EVERY_MS, sent_ms) + 1
