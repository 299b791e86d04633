"""Identifies which expected sentence was said, using pocketsphinx and a grammar of sentences."""

import re
from collections.abc import Iterable
from functools import lru_cache
from threading import Lock
from typing import Protocol

import numpy as np
import pocketsphinx

from simulators.speech.activity import FRAME_MS, levels_dbfs
from simulators.speech.pcm import Pcm, to_pcm
from simulators.speech.resampling import resample

_MODEL_HZ = 16_000
_SILENCE_DBFS = -55.0
_PADDING_MS = 200
_NOISE_RMS = 10.0
_INTERJECTIONS = frozenset(("ah", "hm", "oh", "so", "uh", "um", "well"))
"""Always decoys: otherwise each of these would be heard as "no"."""
_PHONE_MS = range(30, 250)
"""Plausible durations of a phone; one lasts 80 ms at 165 words a minute."""


class UnknownWord(ValueError):
    """A phrase has a word that isn't in the dictionary; the message names it."""


def normalise(text: str) -> str:
    """Lower the case, and drop extra spaces and all punctuation but apostrophes inside words."""
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("\u2019", "'"))
    return " ".join(words)


class PhraseRecognizer(Protocol):
    """`Recognizer` recognises phrases in English, `matching.PhraseMatcher` in other languages."""

    def recognize(self, pcm: Pcm) -> str | None:
        """Return the phrase in `pcm`, normalised; None for a decoy, anything else, or silence."""


class Recognizer:
    """Recognises phrases, and rejects decoys: sentences that must not be taken for a phrase.

    It compares whole sentences: half a phrase, another sentence or noise gives None. It says which
    sentence was spoken, but not whether all of it arrived (see `alignment` for that). Takes about
    0.2 s to build and 20 ms per sentence; safe to use from several threads.
    """

    def __init__(self, phrases: Iterable[str], decoys: Iterable[str] = (), *, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._phrases = frozenset(normalise(phrase) for phrase in phrases)
        decoy_sentences = {normalise(decoy) for decoy in decoys} | _INTERJECTIONS
        sentences = sorted(self._phrases | decoy_sentences)
        pocketsphinx.set_loglevel("FATAL")
        # One pass over the whole utterance, and nothing learned from the previous one.
        self._decoder = pocketsphinx.Decoder(lm=None, bestpath=False, cmn="batch", loglevel="FATAL")
        self._lock = Lock()
        self._phones = {sentence: self._count_phones(sentence) for sentence in sentences}
        self._decoder.add_jsgf_string("sentences", _grammar(sentences))
        self._decoder.activate_search("sentences")

    def recognize(self, pcm: Pcm) -> str | None:
        """Return the phrase in `pcm`, normalised; None for a decoy, anything else, or silence."""
        audio = resample(pcm, from_hz=self._rate_hz, to_hz=_MODEL_HZ)
        speech_ms = _speech_ms(audio)
        if not speech_ms:
            return None
        with self._lock:
            self._decoder.start_utt()
            self._decoder.process_raw(_prepare(audio).tobytes(), full_utt=True)
            self._decoder.end_utt()
            hypothesis = self._decoder.hyp()
        heard = hypothesis.hypstr if hypothesis else None
        if heard not in self._phrases:
            return None
        return heard if speech_ms // self._phones[heard] in _PHONE_MS else None

    def _count_phones(self, sentence: str) -> int:
        if not sentence:
            raise UnknownWord("a phrase has no words")
        return sum(self._phones_in(word, sentence) for word in sentence.split())

    def _phones_in(self, word: str, sentence: str) -> int:
        pronunciation: str | None = self._decoder.lookup_word(word)
        if pronunciation is None:
            hint = "use another word" if word.isalpha() else "write numbers in words"
            raise UnknownWord(f"{word!r} in {sentence!r} is not in the dictionary: {hint}")
        return len(pronunciation.split())


@lru_cache(maxsize=8)
def recognizer_for(
    phrases: tuple[str, ...], decoys: tuple[str, ...] = (), *, rate_hz: int
) -> Recognizer:
    """Return a cached recogniser for these sentences; building one takes 80 ms of CPU time."""
    return Recognizer(phrases, decoys, rate_hz=rate_hz)


def _speech_ms(pcm: Pcm) -> int:
    """Return the time from the first to the last sound; 0 if there is none."""
    frame = _MODEL_HZ * FRAME_MS // 1000
    frames = pcm[: len(pcm) // frame * frame].reshape(-1, frame)
    loud = np.flatnonzero(levels_dbfs(frames) > _SILENCE_DBFS)
    return int(loud[-1] - loud[0] + 1) * FRAME_MS if len(loud) else 0


def _grammar(sentences: list[str]) -> str:
    return f"#JSGF V1.0;\ngrammar sentences;\npublic <sentence> = {' | '.join(sentences)};"


def _prepare(pcm: Pcm) -> Pcm:
    """Pad with quiet, and add faint noise, because the model can't handle digital silence.

    Measured on 40 sentences in four voices: without this, 13 were misread; with it, none.
    """
    padded = np.pad(pcm.astype(np.float64), _MODEL_HZ * _PADDING_MS // 1000)
    noise = np.random.default_rng(1).normal(scale=_NOISE_RMS, size=len(padded))
    return to_pcm(padded + noise)
