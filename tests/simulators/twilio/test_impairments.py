import math

import numpy as np
import pytest

from simulators.speech import mulaw
from simulators.speech.pcm import Pcm
from simulators.speech.synthesis import synthesize
from simulators.twilio.impairments import ImpairedLine, Impairments
from simulators.twilio.stream_messages import FRAME_BYTES, SILENT_FRAME

SECOND = 50  # frames
AGENT = mulaw.encode(synthesize("Good morning, how can I help you?", rate_hz=8000))


def frames(audio: bytes) -> list[bytes]:
    return [audio[i : i + FRAME_BYTES] for i in range(0, len(audio) - FRAME_BYTES, FRAME_BYTES)]


def said_into(line: ImpairedLine, heard: list[bytes]) -> list[bytes | None]:
    """What arrives of a silent caller's frames while the caller hears the agent's."""
    arrived = []
    for frame in heard:
        arrived.append(line.said(SILENT_FRAME))
        line.heard(frame)
    return arrived


def samples(arrived: list[bytes | None]) -> Pcm:
    return mulaw.decode(b"".join(frame or SILENT_FRAME for frame in arrived))


def level_dbfs(pcm: Pcm) -> float:
    return 20 * math.log10(float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2))) / 32_768)


def test_a_good_line_changes_nothing() -> None:
    arrived = said_into(ImpairedLine(Impairments()), frames(AGENT))

    assert all(frame is SILENT_FRAME for frame in arrived)


@pytest.mark.parametrize("noise_dbfs", [-50.0, -35.0])
def test_noise_has_its_level(noise_dbfs: float) -> None:
    line = ImpairedLine(Impairments(noise_dbfs=noise_dbfs))

    arrived = said_into(line, [SILENT_FRAME] * SECOND)

    assert level_dbfs(samples(arrived)) == pytest.approx(noise_dbfs, abs=1.0)


def test_the_echo_is_the_agents_voice_later_and_quieter() -> None:
    heard = frames(AGENT)
    arrived = said_into(ImpairedLine(Impairments(echo_db=-20)), heard)

    delay = 4 * FRAME_BYTES
    agent, echo = samples([*heard])[:-delay], samples(arrived)[delay:]
    assert level_dbfs(echo) == pytest.approx(level_dbfs(agent) - 20, abs=1.0)
    assert np.corrcoef(agent, echo)[0, 1] > 0.98


def test_the_right_share_of_frames_is_lost_and_the_same_ones_with_the_same_seed() -> None:
    def lost(seed: int) -> list[int]:
        line = ImpairedLine(Impairments(lost_share=0.1, seed=seed))
        arrived = said_into(line, [SILENT_FRAME] * 20 * SECOND)
        return [n for n, frame in enumerate(arrived) if frame is None]

    assert len(lost(1)) == pytest.approx(100, abs=30)
    assert lost(1) == lost(1)
    assert lost(1) != lost(2)
