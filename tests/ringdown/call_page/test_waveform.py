import io
import wave

import numpy as np

from ringdown.call_page import Recording
from ringdown.call_page.waveform import audible_ms, outlines, wav_bytes


def test_a_sound_is_drawn_where_it_is() -> None:
    caller = np.zeros(8_000, np.int16)
    caller[4_000:4_160] = -32_768
    agent, nothing = np.zeros(8_000, np.int16), [0] * 50

    assert outlines(Recording(8_000, caller, agent)) == ([0] * 25 + [100] + [0] * 24, nothing)


def test_the_loudest_negative_sample_does_not_overflow() -> None:
    side = np.full(160, -32_768, np.int16)

    assert outlines(Recording(8_000, side, side)) == ([100], [100])


def test_hiss_is_not_blown_up() -> None:
    hiss = np.full(160, 10, np.int16)

    assert outlines(Recording(8_000, hiss, hiss)) == ([2], [2])


def test_what_can_be_heard_is_counted_where_it_is() -> None:
    side = np.zeros(8_000, np.int16)
    side[4_000:4_880] = 2_000
    side[6_000:] = 20  # hiss

    assert audible_ms(side, 8_000, 0, 1_000) == 120
    assert audible_ms(side, 8_000, 550, 2_000) == 60
    assert audible_ms(side, 8_000, -500, 500) == 0
    assert audible_ms(side, 8_000, 900, 800) == 0


def test_a_long_call_is_drawn_in_no_more_parts_than_a_page_can_hold() -> None:
    hour = np.zeros(3_600 * 8_000, np.int16)

    caller, agent = outlines(Recording(8_000, hour, hour[:10]))

    assert len(caller) == len(agent) == 6_000


def test_a_recording_of_nothing_is_drawn_as_nothing() -> None:
    nothing = np.zeros(0, np.int16)

    assert outlines(Recording(8_000, nothing, nothing)) == ([], [])


def test_the_sound_file_has_the_caller_left_and_the_agent_right() -> None:
    caller, agent = np.array([1, 2, 3], np.int16), np.array([-4], np.int16)

    with wave.open(io.BytesIO(wav_bytes(Recording(8_000, caller, agent)))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8_000, 2, 2)
        frames = np.frombuffer(sound.readframes(10), "<i2").reshape(-1, 2)
    assert frames.tolist() == [[1, -4], [2, 0], [3, 0]]
