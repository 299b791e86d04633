import numpy as np

from simulators.speech import mulaw
from simulators.speech.synthesis import synthesize
from simulators.twilio.attention import Attention
from simulators.twilio.hearing import Began, Ear, Ended
from simulators.twilio.microphone import Microphone
from simulators.twilio.stream_messages import FRAME_BYTES, FRAME_MS, SILENT_FRAME
from simulators.twilio.tones import ringback

SENTENCE = mulaw.encode(synthesize("Good morning, how can I help you?", rate_hz=8000))
RINGING = ringback()[: 2 * 8000]


def frames(audio: bytes) -> list[bytes]:
    return [audio[i : i + FRAME_BYTES] for i in range(0, len(audio), FRAME_BYTES)]


def quiet(seconds: float) -> list[bytes]:
    return [SILENT_FRAME] * round(seconds * 50)


def hear(ear: Ear | Attention, sounds: list[bytes], from_ms: int = 0) -> list[Began | Ended]:
    times = range(from_ms, from_ms + len(sounds) * FRAME_MS, FRAME_MS)
    heard = (ear.hear(sound, at_ms) for sound, at_ms in zip(sounds, times, strict=True))
    return [change for change in heard if change is not None]


def test_a_sentence_begins_and_ends_once_where_it_is() -> None:
    length_ms = len(SENTENCE) // 8
    began, ended = hear(Ear(), [*quiet(1), *frames(SENTENCE), *quiet(1)])
    assert isinstance(began, Began)
    assert isinstance(ended, Ended)
    assert 1000 <= began.at_ms <= 1080
    assert abs(ended.at_ms - (1000 + length_ms)) <= 80


def test_a_ringing_tone_is_not_speech() -> None:
    ear = Ear()
    assert hear(ear, [*frames(RINGING), *quiet(1)]) == []
    assert ear.last_tone_ms == 2000


def test_a_quiet_room_and_clicks_are_not_speech() -> None:
    microphone = Microphone(background="comfort_noise")
    noise = [microphone.next_frame(0) or SILENT_FRAME for _ in range(100)]
    click = mulaw.encode((np.ones(FRAME_BYTES) * 9000).astype(np.int16))
    assert hear(Ear(), [*noise, click, *noise]) == []


def test_silence_counts_only_after_an_answer() -> None:
    attention = Attention()
    hear(attention, quiet(3))
    assert attention.silent_for_ms(3000) == 0, "the agent hasn't spoken yet"
    hear(attention, [*frames(SENTENCE), *quiet(1)], 3000)
    end_ms = 3000 + len(frames(SENTENCE)) * FRAME_MS + 1000
    assert 950 <= attention.silent_for_ms(end_ms) <= 1100


def test_what_the_agent_said_before_the_caller_spoke_is_not_a_reply() -> None:
    attention = Attention()
    hear(attention, [*frames(SENTENCE), *quiet(1)])
    attention.expect_answer(4000)
    hear(attention, quiet(5), 4000)
    assert attention.silent_for_ms(9000) == 0
    assert attention.speaking_for_ms(9000) == 0


def test_an_interrupted_sentence_is_a_reply_only_if_it_continues() -> None:
    for heard_after_ms, answered in ((400, False), (2000, True)):
        attention = Attention()
        speech = frames(SENTENCE * 4)
        hear(attention, speech[:50])
        attention.expect_answer(1000)
        hear(attention, speech[50 : 50 + heard_after_ms // FRAME_MS], 1000)
        assert (attention.answer_began_ms is not None) == answered


def test_ringing_means_that_the_answer_is_still_to_come() -> None:
    attention = Attention()
    hear(attention, [*frames(SENTENCE), *frames(RINGING), *quiet(4)])
    assert attention.answer_began_ms is None


def test_speaking_time_counts_from_the_answer() -> None:
    attention = Attention()
    speech = frames(SENTENCE)
    hear(attention, speech)
    now_ms = len(speech) * FRAME_MS
    assert now_ms - 100 <= attention.speaking_for_ms(now_ms) <= now_ms
