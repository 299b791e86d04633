"""Checks which sentences arrived in a recording, and how intact each one is.

Speech recognition shows which sentence arrived; aligning the recording with the sentence's samples
shows whether all of it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from simulators.speech.alignment import Alignment, cut, find_in_order
from simulators.speech.matching import PhraseMatcher
from simulators.speech.pcm import Pcm, duration_ms
from simulators.speech.recognition import PhraseRecognizer, normalise, recognizer_for

TOLERANCE_MS = 70.0
"""A cut sentence must be intact to within one window of the comparison and one 20 ms frame."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that was said: its words, its samples, and when it was cut off, if it was.

    `cut_at_ms` is a time in the recording to search.
    """

    text: str
    pcm: Pcm
    rate_hz: int
    cut_at_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """How a sentence arrived. `ok` is the verdict, and `why` the reason."""

    sentence: str
    ok: bool
    recognised: bool
    intact_ms: int
    of_ms: int
    at_ms: int
    why: str

    def as_json(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}


def judge(
    sentences: Sequence[Sentence], recording: Pcm, *, rate_hz: int, english: bool = True
) -> list[Heard]:
    """Look for `sentences` in `recording`, in order; all have the same rate.

    Unless the sentences are `english`, their words aren't recognised: each is found by its samples.
    """
    if not sentences:
        return []
    alignments = find_in_order(
        [sentence.pcm for sentence in sentences],
        recording,
        rate_hz=sentences[0].rate_hz,
        received_hz=rate_hz,
    )
    recognizer = _recognizer(sentences, rate_hz, english=english)
    return [
        _heard(sentence, alignment, recording, rate_hz, recognizer)
        for sentence, alignment in zip(sentences, alignments, strict=True)
    ]


def _recognizer(sentences: Sequence[Sentence], rate_hz: int, *, english: bool) -> PhraseRecognizer:
    if english:
        return recognizer_for(tuple(sentence.text for sentence in sentences), rate_hz=rate_hz)
    spoken = {sentence.text: sentence.pcm for sentence in sentences}
    return PhraseMatcher(spoken, spoken_hz=sentences[0].rate_hz, rate_hz=rate_hz)


def _heard(
    sentence: Sentence, found: Alignment, recording: Pcm, rate_hz: int, recognizer: PhraseRecognizer
) -> Heard:
    of_ms = duration_ms(sentence.pcm, sentence.rate_hz)
    audio = cut(recording, found, received_hz=rate_hz, duration_ms=of_ms)
    recognised = recognizer.recognize(audio) == normalise(sentence.text)
    if sentence.cut_at_ms is None:
        ok = found.intact and recognised
        why = found.why if recognised or not found.intact else "not recognised"
    else:
        due_ms = min(sentence.cut_at_ms - found.offset_ms, of_ms)
        ok = due_ms > 0 and found.intact_ms >= due_ms - TOLERANCE_MS
        why = f"cut off after {due_ms / 1000:.1f} s" + ("" if ok else f"; {found.why}")
    return Heard(
        sentence=sentence.text,
        ok=ok,
        recognised=recognised,
        intact_ms=round(found.intact_ms),
        of_ms=round(of_ms),
        at_ms=round(found.offset_ms),
        why=why,
    )
