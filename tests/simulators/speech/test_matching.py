"""Recognises sentences over the telephone in a language that no speech recogniser here knows."""

import numpy as np
import pytest

from simulators.speech import mulaw
from simulators.speech.matching import PhraseMatcher
from simulators.speech.pcm import Pcm, silence
from simulators.speech.recognition import normalise
from simulators.speech.resampling import resample
from simulators.speech.synthesis import Voice, synthesize

PHRASES = [
    "Guten Tag, wann kommt meine nächste Lieferung?",
    "Meine Kundennummer ist eins zwei drei vier fünf sechs.",
    "Was kostet das Familienpaket?",
    "Vielen Dank, das ist alles. Auf Wiederhören.",
    "Ja, bitte.",
    "Nein.",
]
DECOYS = [
    "Meine Kundennummer ist eins zwei drei vier fünf neun.",
    "Guten Tag, wo bleibt meine letzte Lieferung?",
    "Was kostet das Singlepaket?",
]
RATE_HZ, KNOWN_HZ, MODEL_HZ = 8_000, 16_000, 24_000
FRAME = 160
GERMAN = Voice("de")


def spoken(text: str, *, rate_hz: int, voice: Voice = GERMAN) -> Pcm:
    return synthesize(text, rate_hz=rate_hz, voice=voice)


def a_matcher(voice: Voice = GERMAN) -> PhraseMatcher:
    return PhraseMatcher(
        {text: spoken(text, rate_hz=KNOWN_HZ, voice=voice) for text in PHRASES},
        [spoken(text, rate_hz=KNOWN_HZ, voice=voice) for text in DECOYS],
        spoken_hz=KNOWN_HZ,
        rate_hz=RATE_HZ,
    )


@pytest.fixture(scope="module")
def matcher() -> PhraseMatcher:
    return a_matcher()


def over_the_telephone(text: str, *, from_hz: int = RATE_HZ, voice: Voice = GERMAN) -> Pcm:
    pcm = resample(spoken(text, rate_hz=from_hz, voice=voice), from_hz=from_hz, to_hz=RATE_HZ)
    return mulaw.decode(mulaw.encode(pcm))


@pytest.mark.parametrize("from_hz", [RATE_HZ, MODEL_HZ])
@pytest.mark.parametrize("voice", [GERMAN, Voice("de+f3"), Voice("de", words_per_minute=200)])
def test_tells_phrases_apart(from_hz: int, voice: Voice) -> None:
    matcher = a_matcher(voice)
    lines = [over_the_telephone(text, from_hz=from_hz, voice=voice) for text in PHRASES]
    assert [matcher.recognize(line) for line in lines] == [normalise(text) for text in PHRASES]


def test_decoys_are_nothing(matcher: PhraseMatcher) -> None:
    heard = {decoy: matcher.recognize(over_the_telephone(decoy)) for decoy in DECOYS}
    assert heard == dict.fromkeys(DECOYS)


@pytest.mark.parametrize(
    "text",
    [
        "Ich möchte gern eine Pizza bestellen.",
        "Meine Kundennummer ist eins zwei drei vier sieben sechs.",
        "Meine Kundennummer ist eins zwei drei.",
        "Was kostet das?",
        "Nein, danke.",
        "Nein nein.",
        "Ja.",
        "Oh.",
    ],
)
def test_something_else_is_nothing(matcher: PhraseMatcher, text: str) -> None:
    assert matcher.recognize(over_the_telephone(text)) is None


def test_half_a_phrase_is_nothing(matcher: PhraseMatcher) -> None:
    line = over_the_telephone(PHRASES[0])
    assert matcher.recognize(line[: len(line) // 2]) is None
    assert matcher.recognize(line[len(line) // 2 :]) is None


def test_more_than_a_phrase_is_nothing(matcher: PhraseMatcher) -> None:
    line, pause = over_the_telephone(PHRASES[2]), silence(300, RATE_HZ)
    more = over_the_telephone("Und wie lange läuft es?")
    assert matcher.recognize(np.concatenate((line, pause, more))) is None
    assert matcher.recognize(np.concatenate((more, pause, line))) is None


def test_another_voice_is_nothing(matcher: PhraseMatcher) -> None:
    lines = [over_the_telephone(text, voice=Voice("de+f3")) for text in PHRASES]
    assert {matcher.recognize(line) for line in lines} == {None}


def test_without_phrases_nothing_is_heard() -> None:
    nothing = PhraseMatcher({}, spoken_hz=KNOWN_HZ, rate_hz=RATE_HZ)
    assert nothing.recognize(over_the_telephone("Nein.")) is None
