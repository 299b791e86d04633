"""The timers of a session: what each is for, how long it runs, and which are running."""

import enum

from ringdown.agents import Agent
from ringdown.gemini.models import live_model


class Timer(enum.StrEnum):
    """A timer's name."""

    RINGBACK = enum.auto()
    """Time until the next ring, as long as the model hasn't spoken."""
    FIRST_WORD = enum.auto()
    """How long a connected model may say nothing at all; or, once it is known that there will be no
    model, how long the greeting's clip may continue."""
    GOODBYE_BEGINS = enum.auto()
    """How long the model has to begin its goodbye if it called `end_call` without a word."""
    GOODBYE_ENDS = enum.auto()
    """When the call ends even if the goodbye hasn't been heard to its end."""
    GOODBYE_ANSWERED = enum.auto()
    """How long the model has to respond to a caller who spoke during the goodbye."""
    FORGOTTEN = enum.auto()
    """How long the call may last after the agent has said goodbye without hanging up."""
    IDLE_NUDGE = enum.auto()
    IDLE_GOODBYE = enum.auto()
    BACKGROUND = enum.auto()
    """How long voices may go unanswered before they count as background."""
    UPLOAD = enum.auto()
    """How long a caller's silence doesn't count after they were sent the link for photos."""
    WAITING = enum.auto()
    """Time until the next sign of life while the caller waits in silence."""
    TIME_WARNING = enum.auto()
    TIME_OVER = enum.auto()
    GO_AWAY = enum.auto()
    """How long to wait for a good moment to leave the session; then it is left immediately."""
    RECONNECT = enum.auto()
    """Time until the next attempt to reach the model."""
    ANSWER = enum.auto()
    """How long a model that owes the caller something may stay silent."""
    KEYPAD_PAUSE = enum.auto()
    """How long after a digit the caller may type the next one."""
    STREAM_AGE = enum.auto()
    """Cloud Run ends every request after 60 minutes; the stream is handed over before that."""
    HAND_OVER = enum.auto()
    """How long a call may stay before it is handed over."""
    HANDED_OVER = enum.auto()
    """How long silence may last after a hand-over before the agent speaks."""
    FINAL_SAVE = enum.auto()
    """How long closing the stream waits for the decision to be committed."""


LENGTH_MS = {
    Timer.RINGBACK: 600,  # a quick model needs no ring; then the country's rhythm applies
    Timer.FIRST_WORD: 15_000,
    Timer.GOODBYE_ENDS: 20_000,
    Timer.GOODBYE_ANSWERED: 1_500,
    Timer.FORGOTTEN: 6_000,
    Timer.UPLOAD: 120_000,  # the text takes seconds; then they must find what to photograph
    Timer.STREAM_AGE: 58 * 60_000,
    Timer.HANDED_OVER: 4_000,  # about how long callers take to answer
    Timer.FINAL_SAVE: 2_000,
}
"""How long a timer runs, unless one of the lengths below is chosen when it is started."""

# GOODBYE_ENDS, once all of the goodbye has been sent
AFTER_GOODBYE_MS = 2_000.0
"""Time added to the audio left to play."""

# FIRST_WORD, when no session of the model can be opened
AFTER_CLIP_MS = 1_000.0
"""Time added to what is left of the clip, whose last mark usually comes first."""

# HAND_OVER, unless the drain says otherwise
OLD_STREAM_WITHIN_MS = 90_000.0
"""Part of the two minutes that are left when `STREAM_AGE` is over."""

# IDLE_NUDGE and IDLE_GOODBYE, both from the last word heard


def idle_nudge_ms(agent: Agent) -> float:
    return agent.idle.nudge_after_s * 1_000


def idle_goodbye_ms(agent: Agent) -> float:
    return agent.idle.goodbye_after_s * 1_000


# BACKGROUND


def background_ms(agent: Agent) -> float:
    return agent.idle.background_after_s * 1_000


# TIME_WARNING and TIME_OVER, both by the call's age


def time_warning_ms(agent: Agent) -> float:
    return time_over_ms(agent) - 60_000


def time_over_ms(agent: Agent) -> float:
    return agent.max_call_s * 1_000


# ANSWER

_ANSWER_MS = {"quick": 4_500.0, "normal": 5_000.0, "patient": 6_500.0}
_THINKING_MS = 5_000.0
REPLY_PAUSE_MS = 3_000.0
"""How long a reply may stop in the middle."""
ANSWER_CUT_SHORT_MS = 2_500.0
"""The wait after a reply dropped for no reason: by then a soft caller has had a reply."""
ANSWER_NUDGED_MS = 3_000.0
"""The wait for a model that was asked to speak, or sends inaudible sound."""
ANSWER_EMPTY_MS = 750.0
"""The wait for a model that just ended its turn without a word."""
FIRST_ANSWER_EMPTY_MS = 3_000.0
"""The same before the greeting, while the caller hears ringing."""
_AFTER_CALLER_MS = {"quick": 800.0, "normal": 1_200.0, "patient": 1_800.0}


def answer_ms(agent: Agent) -> float:
    thinks = live_model(agent.model).thinks
    return _ANSWER_MS[agent.turn_taking.patience] + (_THINKING_MS if thinks else 0)


def after_caller_ms(agent: Agent) -> float:
    """The least time the model has after the caller's last words: longer than it waits itself to
    see whether they have finished."""
    return _AFTER_CALLER_MS[agent.turn_taking.patience]


# WAITING

FIRST_TONE_MS = 1_500.0
FIRST_TONE_WITHOUT_MODEL_MS = 600.0
NEXT_TONE_MS = 2_000.0
AFTER_PHRASE_MS = 4_000.0
"""Includes the moment that the model needs to begin the phrase."""

# KEYPAD_PAUSE

KEY_PAUSE_MS = 2_000
"""Ends a group of digits, and sets a 0 apart from other digits."""
COLLECTION_PAUSE_MS = 5_000
COLLECTION_BEGINS_MS = 20_000

# GO_AWAY and RECONNECT

LEAVE_BEFORE_MS = 10_000.0
"""How much of a go-away's time must be left when the session is left."""
RECONNECT_MS = (250.0, 500.0, 1_000.0, 2_000.0)
"""The pauses between attempts, in order; the last is repeated. Each attempt tries every endpoint of
the model."""
MOVE_AGAIN_MS = 500.0
"""The pause if the next session can't be opened while the old one is still listening."""


class Deadlines:
    """Tracks which timers run, so that none is started twice or outlives the session."""

    def __init__(self) -> None:
        self._running: list[Timer] = []

    def start(self, timer: Timer) -> bool:
        """Note that `timer` runs. Return False if it was already running."""
        if timer in self._running:
            return False
        self._running.append(timer)
        return True

    def cancel(self, timer: Timer) -> bool:
        """Note that `timer` no longer runs. Return False if it wasn't running."""
        if timer not in self._running:
            return False
        self._running.remove(timer)
        return True

    def fired(self, timer: Timer) -> bool:
        """Note that `timer` fired. Return False if it has been cancelled meanwhile."""
        return self.cancel(timer)

    def running(self) -> tuple[Timer, ...]:
        return tuple(self._running)
