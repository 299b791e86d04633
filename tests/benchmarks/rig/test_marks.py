"""Bursts are found to the sample, however their stream is split."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from benchmarks.rig.marks import EVERY_MS, TONES_HZ, BurstDetector, Heard, Piece, marked_pieces
from benchmarks.rig.wires import MODEL_HZ, GeminiWire, RelayWire
from simulators.speech import mulaw
from simulators.speech.pcm import Pcm

RATES_HZ = (8_000, 16_000, 24_000)
LOOP = {rate_hz: marked_pieces(rate_hz, 20, seed=3) for rate_hz in RATES_HZ}


def joined(pieces: tuple[Piece, ...]) -> Pcm:
    return np.concatenate([piece.pcm for piece in pieces])


def sent(pieces: tuple[Piece, ...]) -> list[tuple[int, int]]:
    """Tone and position of every burst."""
    size = len(pieces[0].pcm)
    return [(p.mark.tone, n * size + p.mark.offset) for n, p in enumerate(pieces) if p.mark]


def found(pcm: Pcm, rate_hz: int, cuts: list[int]) -> list[Heard]:
    """Feed a detector `pcm`, split at `cuts`; each message is timed by its first sample."""
    detector = BurstDetector(rate_hz)
    edges = [0, *sorted(cuts), len(pcm)]
    return [
        heard
        for start, end in pairwise(edges)
        for heard in detector.take(pcm[start:end], start / rate_hz)
    ]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 64_000), max_size=400))
def test_every_burst_is_found_to_the_sample_however_the_stream_is_split(
    rate_hz: int, cuts: list[int]
) -> None:
    pieces = LOOP[rate_hz]

    heard = found(joined(pieces), rate_hz, [cut * rate_hz // 8_000 for cut in cuts])

    assert [(h.tone, h.position) for h in heard] == sent(pieces)
    assert [h.at_s for h in heard] == pytest.approx([h.position / rate_hz for h in heard])


@pytest.mark.parametrize("frame", [1, 7, 160, 161])
def test_bursts_are_found_in_mulaw(frame: int) -> None:
    pieces = LOOP[8_000]
    pcm = mulaw.decode(mulaw.encode(joined(pieces)))

    heard = found(pcm, 8_000, list(range(frame, len(pcm), frame)))

    assert [(h.tone, h.position) for h in heard] == sent(pieces)


def test_the_relays_wire_moves_no_mark() -> None:
    pieces = LOOP[MODEL_HZ]
    data = RelayWire().chunk(joined(pieces))

    heard = found(mulaw.decode(data[::6]), 8_000, [])

    assert [(h.tone, h.position * 3) for h in heard] == sent(pieces)
    assert len(data) == len(GeminiWire().chunk(joined(pieces))), (
        "both wires must carry the same number of bytes"
    )


def test_the_loop_can_be_repeated() -> None:
    pieces = LOOP[16_000]
    pcm = joined(pieces)

    heard = found(np.concatenate([pcm, pcm]), 16_000, [])

    first, second = heard[: len(heard) // 2], heard[len(heard) // 2 :]
    assert [(h.tone, h.position + len(pcm)) for h in first] == [
        (h.tone, h.position) for h in second
    ]


def test_tones_go_round_and_places_in_a_frame_differ() -> None:
    tones = [tone for tone, _ in sent(LOOP[8_000])]
    offsets = {position % 160 for _, position in sent(LOOP[8_000])}

    assert tones == [n % len(TONES_HZ) for n in range(16_000 // EVERY_MS // 2)]
    assert len(offsets) > 10


def test_a_burst_that_breaks_off_is_forgotten() -> None:
    pieces = LOOP[8_000]
    n, piece = next((n, p) for n, p in enumerate(pieces) if p.mark is not None)
    assert piece.mark is not None
    detector = BurstDetector(8_000)
    detector.take(piece.pcm[: piece.mark.offset + 20], 0.0)

    detector.forget_onset()

    after = np.concatenate([p.pcm for p in pieces[n + 5 : n + 60]])
    assert [h.at_s >= 9.0 for h in detector.take(after, 9.0)] == [True, True]
