"""Text to speech with espeak-ng: the same samples for the same text in every process."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import espeakng_loader
import numpy as np

from simulators.speech.pcm import Pcm, to_pcm
from simulators.speech.resampling import resample

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_RATE_PARAMETER, _PITCH_PARAMETER = 1, 3
_AUDIBLE = 0.004
"""Share of the peak below which the ends of an utterance count as silence (-48 dB)."""

_Samples = ctypes.POINTER(ctypes.c_short)
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, _Samples, ctypes.c_int, ctypes.c_void_p)

_one_at_a_time = Lock()


class SpeechError(Exception):
    """espeak-ng can't say this; the message says why."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How to speak. `name` is an espeak-ng voice, optionally with a variant: "en-us+f3", "de".

    `words_per_minute` is 80 to 450, `pitch` 0 to 99, `peak_dbfs` the level of the loudest sample.
    """

    name: str = "en-us"
    words_per_minute: int = 165
    pitch: int = 50
    peak_dbfs: float = -9.0


@lru_cache(maxsize=512)
def synthesize(
    text: str, *, rate_hz: int, voice: Voice = Voice(), edge_silence_ms: float = 20
) -> Pcm:
    """Return `text` as speech, with `edge_silence_ms` of silence at both ends; read-only.

    Raises SpeechError if the voice is unknown or the text contains nothing to say.
    """
    native_hz, native = _speak(text, voice)
    speech = resample(_trim(native), from_hz=native_hz, to_hz=rate_hz).astype(np.float64)
    level = 32_768 * 10 ** (voice.peak_dbfs / 20) / np.abs(speech).max()
    edge = np.zeros(round(edge_silence_ms * rate_hz / 1000))
    pcm = to_pcm(np.concatenate((edge, speech * level, edge)))
    pcm.flags.writeable = False
    return pcm


def _trim(pcm: Pcm) -> Pcm:
    audible = np.flatnonzero(np.abs(pcm.astype(np.int32)) > np.abs(pcm).max() * _AUDIBLE)
    return pcm[audible[0] : audible[-1] + 1]


def _speak(text: str, voice: Voice) -> tuple[int, Pcm]:
    collected: list[Pcm] = []

    def collect(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int) -> int:
        if count > 0:
            collected.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = _Callback(collect)
    with _one_at_a_time, _fresh_library() as library:
        rate_hz: int = library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS,
            0,
            espeakng_loader.get_data_path().encode(),
            _INITIALIZE_DONT_EXIT,
        )
        if rate_hz <= 0:
            raise SpeechError("espeak-ng can't start: its data files are missing")
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise SpeechError(f"espeak-ng has no voice {voice.name!r}")
        library.espeak_SetParameter(_RATE_PARAMETER, voice.words_per_minute, 0)
        library.espeak_SetParameter(_PITCH_PARAMETER, voice.pitch, 0)
        encoded = text.encode()
        library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
        library.espeak_Synchronize()
    pcm = np.concatenate((np.zeros(1, dtype=np.int16), *collected))
    if not pcm.any():
        raise SpeechError(f"there is nothing to say in {text!r}")
    return rate_hz, pcm


@contextmanager
def _fresh_library() -> Iterator[ctypes.CDLL]:
    """Load espeak-ng and unload it afterwards.

    Its wave generator carries state from one utterance to the next, even across a restart, so
    the same text would sound a little different each time. Unloading it clears that state
    (measured: identical samples, 5 ms an utterance).
    """
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        yield library
    finally:
        library.espeak_Terminate()
        system = ctypes.CDLL(None)
        system.dlclose.argtypes = [ctypes.c_void_p]
        system.dlclose(library._handle)
