import numpy as np

from devtools.talk.browser_handset import FRAME_BYTES, BrowserHandset
from simulators.speech import mulaw


def a_frame(value: int) -> bytes:
    return np.full(FRAME_BYTES // 2, value, "<i2").tobytes()


def level(frame: bytes | None) -> int | None:
    return None if frame is None else int(mulaw.decode(frame)[0])


def test_frames_wait_until_there_are_enough_to_be_even() -> None:
    handset = BrowserHandset(lambda _: None)
    handset.take(a_frame(0))
    handset.take(a_frame(0))
    assert handset.next_frame() is None
    handset.take(a_frame(0))
    assert [level(handset.next_frame()) for _ in range(4)] == [0, 0, 0, None]


def test_a_page_that_sends_too_much_is_never_late_for_good() -> None:
    handset = BrowserHandset(lambda _: None)
    for number in range(100):
        handset.take(a_frame(100 * number))
    heard = []
    while (frame := handset.next_frame()) is not None:
        heard.append(level(frame))
    assert 0 < len(heard) <= 15
    assert heard[-1] == level(mulaw.encode(np.full(160, 9_900, np.int16)))


def test_what_is_no_frame_is_refused() -> None:
    handset = BrowserHandset(lambda _: None)
    assert not handset.take(b"\0" * 100)
    assert handset.take(a_frame(0))


def test_the_page_hears_the_line_as_pcm() -> None:
    played: list[bytes] = []
    sound = mulaw.encode(np.linspace(-8_000, 8_000, 160).astype(np.int16))
    BrowserHandset(played.append).play(sound)
    assert np.array_equal(np.frombuffer(played[0], "<i2"), mulaw.decode(sound))
