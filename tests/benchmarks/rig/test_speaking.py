from itertools import islice

from benchmarks.rig.marks import marked_pieces
from benchmarks.rig.speaking import CHUNK_MS, turns

PIECES = marked_pieces(24_000, CHUNK_MS, seed=2)
TURNS = list(islice(turns(7, PIECES), 400))


def test_the_greeting_begins_with_a_burst_and_is_heard_out() -> None:
    greeting = TURNS[0]

    assert PIECES[greeting.first].mark is not None
    assert not greeting.interrupted


def test_a_turn_that_is_not_interrupted_ends_outside_of_a_burst() -> None:
    for turn in TURNS:
        after = PIECES[(turn.first + turn.chunks) % len(PIECES)]
        assert turn.interrupted or not after.begins_in_burst, turn


def test_turns_begin_in_silence() -> None:
    for turn in TURNS[1:]:
        first = PIECES[turn.first]
        assert not first.pcm[:240].any(), turn


def test_turns_last_a_second_or_two_and_half_of_them_are_interrupted() -> None:
    interrupted = sum(turn.interrupted for turn in TURNS)

    assert 150 < interrupted < 250
    assert all(25 <= turn.chunks <= 64 for turn in TURNS)


def test_every_target_gets_the_same_turns() -> None:
    assert list(islice(turns(7, PIECES), 400)) == TURNS
    assert list(islice(turns(8, PIECES), 400)) != TURNS
