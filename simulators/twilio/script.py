"""A caller's script as data: what they say, press and wait for, in order."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulators.speech.synthesis import Voice

from .dialled import DialledParty
from .noises import Background, Noise
from .settings import AfterDrop


@dataclass(frozen=True, slots=True)
class AgentSilent:
    """The agent has replied and then been silent this long: the polite moment to speak."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AgentSpeaking:
    """The agent has been speaking this long: the moment to interrupt."""

    seconds: float


@dataclass(frozen=True, slots=True)
class After:
    """The moment this long after the previous step."""

    seconds: float


Moment = AgentSilent | AgentSpeaking | After


@dataclass(frozen=True, slots=True)
class SayStep:
    """`press`: keys pressed while speaking; `w` waits half a second."""

    text: str
    press: str = ""


@dataclass(frozen=True, slots=True)
class MakeStep:
    noise: Noise


@dataclass(frozen=True, slots=True)
class PressStep:
    keys: str


@dataclass(frozen=True, slots=True)
class HangUpStep:
    pass


@dataclass(frozen=True, slots=True)
class WaitForHangupStep:
    """Wait for the agent to end the call."""


Action = SayStep | MakeStep | PressStep | HangUpStep | WaitForHangupStep


@dataclass(frozen=True, slots=True)
class Step:
    """Do `action` at the moment `when` (None: immediately); `timeout_s` limits each wait."""

    action: Action
    when: Moment | None = None
    timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Script:
    """The `caller` and `network` parts of a scenario."""

    to: str
    from_: str
    steps: tuple[Step, ...]
    voice: Voice = field(default_factory=Voice)
    dialled: Mapping[str, DialledParty] = field(default_factory=dict)
    after_drop: AfterDrop = "continue"
    background: Background = "silence"
