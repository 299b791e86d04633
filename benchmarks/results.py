"""Everything the benchmark measures, as records, and the file that keeps them.

A core share of 1.0 is one full core.
"""

from pathlib import Path

import msgspec


class Delay(msgspec.Struct, frozen=True):
    """Percentiles over all calls of one measuring window; None where nothing was measured."""

    p50_ms: float | None
    p99_ms: float | None
    count: int


class LoadPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One target with one number of calls, measured once."""

    target: str
    calls: int
    run: int
    uplink: Delay
    """From the caller's socket to the model's, by marks in the audio itself."""
    downlink: Delay
    """From the model's socket to the caller's, measured likewise."""
    barge_in: Delay
    """From the model's `interrupted` to `clear` at the caller."""
    first_audio: Delay
    """From `start` to the first sound at the caller, without the time the model took."""
    core_share_per_call: float
    memory_per_call_mb: float
    """Resident memory at the end of the window above `idle_memory_mb`, divided by the calls."""
    idle_memory_mb: float
    """Resident memory after one call, before the load."""
    uplink_lost_ms: float
    """Audio that didn't reach the model, over all calls."""
    downlink_lost_bursts: int
    """Bursts of tone that the model sent and the caller never heard, over all calls."""
    clears_missed: int = 0
    """Interruptions without a `clear`."""
    pictures: int = 0
    """Pictures that the model was shown, over all calls."""
    calls_failed: int
    rig_core_share: float
    """The rig's share of its core; above 0.8 the rig itself distorts the figures."""
    others_core_share: float = 0.0
    """What other processes used of the two cores; if that is much, the figures are unreliable."""


class FirstWord(msgspec.Struct, frozen=True, kw_only=True):
    """When each step of one call had happened, in ms after dialling.

    The rig's model takes no time. The stream opens as soon as Twilio is asked to open it, without
    the notice that would come first.
    """

    run: int
    cold: bool
    """Whether no process was running when the number was dialled."""
    webhook_up: float
    handler_asked: float
    """The webhook's wake-up has reached the platform, which starts the handler."""
    answered: float
    handler_up: float
    streaming: float
    """Twilio's stream is open, and `start` is sent."""
    admitted: float
    """The call is claimed."""
    model_set_up: float
    model_asked: float
    """The model is asked to greet."""
    heard: float
    """The model's first sound has reached the caller."""


class FirstSecond(msgspec.Struct, frozen=True, kw_only=True):
    """Delays in one call to an agent with clips of its notice and greeting, in ms.

    The model isn't asked to greet.
    """

    run: int
    cold: bool
    """Whether no process was running when the number was dialled."""
    notice: float | None
    """From the webhook's POST to the first sound of the notice, once Twilio has fetched it. None
    for an agent without a notice."""
    word_after_notice: float | None
    """From the notice's end to the agent's first sound."""
    word: float
    """From the webhook's response, which answers the call, to the agent's first sound."""


class Machine(msgspec.Struct, frozen=True):
    cpu: str
    cores: int
    python: str
    kernel: str
    versions: dict[str, str]
    """Packages that the figures depend on, by name."""
    date: str


class Results(msgspec.Struct, frozen=True, kw_only=True):
    machine: Machine
    load: list[LoadPoint] = []
    first_word: list[FirstWord] = []
    first_second: list[FirstSecond] = []
    seconds: float
    """How long each load was measured for."""
    runs: int


def write_results(results: Results, path: Path) -> None:
    text = msgspec.json.format(msgspec.json.encode(results), indent=2)
    path.write_bytes(text + b"\n")


def read_results(path: Path) -> Results:
    """Read a results file. Raises OSError or, for another format, msgspec.ValidationError."""
    return msgspec.json.decode(path.read_bytes(), type=Results)
