"""Reads the sounds that `<Play>` fetches: 16-bit WAV files of any rate and number of channels.

Twilio lists the types that it plays, but no size limit, at
https://www.twilio.com/docs/voice/twiml/play.
"""

import io
import wave

import numpy as np

from simulators.speech import mulaw
from simulators.speech.pcm import from_bytes, to_pcm
from simulators.speech.resampling import resample

from .alerts import Alert, AlertCode
from .recording import RATE_HZ
from .webhooks import Response

_WAV_TYPES = frozenset({"audio/wav", "audio/wave", "audio/x-wav"})
_OTHER_TYPES = frozenset(
    {
        "audio/aiff",
        "audio/gsm",
        "audio/mpeg",
        "audio/ulaw",
        "audio/x-aifc",
        "audio/x-aiff",
        "audio/x-gsm",
    }
)


class SoundRefused(Exception):
    """A sound can't be played; `alert` is what Twilio logs."""

    def __init__(self, alert: Alert) -> None:
        super().__init__(str(alert))
        self.alert = alert


def read_sound(url: str, response: Response | Alert) -> bytes:
    """Return the sound in a response as 8 kHz mono µ-law.

    Raises:
        SoundRefused: there is no response, its status is an error, or it isn't a 16-bit WAV file.
    """
    if isinstance(response, Alert):
        raise SoundRefused(response)
    if not 200 <= response.status < 300:
        detail = f"<Play>: {url} responded with status {response.status}"
        raise SoundRefused(Alert(AlertCode.HTTP_RETRIEVAL_FAILURE, detail))
    if response.content_type not in _WAV_TYPES:
        known = "only WAV is simulated" if response.content_type in _OTHER_TYPES else "not a sound"
        detail = f"<Play>: {url} has Content-Type {response.content_type}: {known}"
        raise SoundRefused(Alert(AlertCode.PLAY_INVALID_CONTENT_TYPE, detail))
    try:
        return _read_wav(response.body)
    except (wave.Error, EOFError, ValueError) as error:
        detail = f"<Play>: {url} isn't a 16-bit WAV file: {error}"
        raise SoundRefused(Alert(AlertCode.HTTP_RETRIEVAL_FAILURE, detail)) from error


def _read_wav(body: bytes) -> bytes:
    with wave.open(io.BytesIO(body)) as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{8 * file.getsampwidth()} bits per sample")
        samples = from_bytes(file.readframes(file.getnframes()))
        mono = samples.reshape(-1, file.getnchannels()).astype(np.float64).mean(axis=1)
        rate_hz = file.getframerate()
    return mulaw.encode(resample(to_pcm(mono), from_hz=rate_hz, to_hz=RATE_HZ))
