"""How numbers, times and names are written for people."""

from ringdown.phone_numbers import is_somebody


def short_number(number: str) -> str:
    """The end of a phone number: enough to recognize it, too little to dial."""
    return f"…{number[-4:]}" if is_somebody(number) else "an unknown number"


def seconds(duration_ms: float) -> str:
    return f"{duration_ms / 1000:.2f} s"


def length(duration_ms: float) -> str:
    """Whole seconds that have passed, as a clock counts: `43 s` or `2 min 5 s`."""
    minutes, rest_s = divmod(int(duration_ms / 1000), 60)
    return f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"


def clock(at_ms: float) -> str:
    """A place in the call, e.g. `1:05`."""
    minutes, rest_s = divmod(int(at_ms / 1000), 60)
    return f"{minutes}:{rest_s:02}"


def plain(name: str) -> str:
    """A name of ours as words: `agent_hung_up` is `agent hung up`."""
    return name.replace("_", " ")


def listed(items: dict[str, int]) -> str:
    """E.g. `3,325 audio, 1,687 text`."""
    return ", ".join(f"{number:,} {name.lower()}" for name, number in items.items())
