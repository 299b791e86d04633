"""Recognises sentences over the telephone, in several voices, among similar decoys."""

import numpy as np
import pytest

from simulators.speech import mulaw
from simulators.speech.pcm import Pcm, silence, to_pcm
from simulators.speech.recognition import Recognizer, UnknownWord, normalise
from simulators.speech.synthesis import Voice, synthesize

PHRASES = [
    "What is the balance of my account?",
    "tell me about your opening hours",
    "thank you, goodbye",
    "yes please",
    "no",
    "my account number is one two three four",
]
DECOYS = [
    "what is the balance of my amount",
    "tell me about your opening flowers",
    "my account number is one two three five",
]
RATE_HZ = 8_000


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(PHRASES, DECOYS, rate_hz=RATE_HZ)


def over_the_telephone(text: str, voice: str = "en-us") -> Pcm:
    return mulaw.decode(mulaw.encode(synthesize(text, rate_hz=RATE_HZ, voice=Voice(voice))))


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "en-gb-x-rp"])
def test_tells_phrases_apart(recognizer: Recognizer, voice: str) -> None:
    heard = [recognizer.recognize(over_the_telephone(phrase, voice)) for phrase in PHRASES]
    assert heard == [normalise(phrase) for phrase in PHRASES]


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "en-gb-x-rp"])
def test_decoys_are_nothing(recognizer: Recognizer, voice: str) -> None:
    heard = {decoy: recognizer.recognize(over_the_telephone(decoy, voice)) for decoy in DECOYS}
    assert heard == dict.fromkeys(DECOYS)


def test_silence_around_and_level_do_not_matter(recognizer: Recognizer) -> None:
    quiet = to_pcm(over_the_telephone(PHRASES[0]) * 0.25)
    padded = np.concatenate((silence(900, RATE_HZ), quiet, silence(700, RATE_HZ)))
    assert recognizer.recognize(padded) == normalise(PHRASES[0])


@pytest.mark.parametrize("text", ["I would like to order a pizza", "oh", "what is the"])
def test_something_else_is_nothing(recognizer: Recognizer, text: str) -> None:
    assert recognizer.recognize(over_the_telephone(text)) is None


def test_earlier_utterances_leave_no_trace(recognizer: Recognizer) -> None:
    pcm = over_the_telephone(PHRASES[1])
    assert {recognizer.recognize(pcm) for _ in range(3)} == {PHRASES[1]}


def test_names_words_it_does_not_know() -> None:
    with pytest.raises(UnknownWord, match=r"'42' in '42 dollars' .* write numbers in words"):
        Recognizer(["42 dollars"], rate_hz=RATE_HZ)
    with pytest.raises(UnknownWord, match=r"'zyxxy' in 'hello zyxxy' .* use another word"):
        Recognizer(["hello"], ["hello zyxxy"], rate_hz=RATE_HZ)
    with pytest.raises(UnknownWord, match="no words"):
        Recognizer(["?!"], rate_hz=RATE_HZ)


def test_without_phrases_nothing_is_heard() -> None:
    assert Recognizer([], rate_hz=RATE_HZ).recognize(over_the_telephone("yes please")) is None


def test_normalise() -> None:
    assert normalise("  It\u2019s   YOUR turn, isn't it? ") == "it's your turn isn't it"
