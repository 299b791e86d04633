"""How numbers, times and names are written for people."""

from ringdown.phone_numbers import is_somebody


def short_number(number: str) -> str:
    """Return the end of a phone number, enough to recognize it but too little to dial."""
    return f"…{number[-4:]}" if is_somebody(number) else "an unknown number"


def seconds(duration_ms: float) -> str:
    return f"{duration_ms / 1000:.2f} s"


def length(duration_ms: float) -> str:
    """Return a duration in whole seconds, rounded down: `43 s` or `2 min 5 s`."""
    minutes, rest_s = divmod(int(duration_ms / 1000), 60)
    return f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"


def clock(at_ms: float) -> str:
    """Return a time in the call, such as `1:05`."""
    minutes, rest_s = divmod(int(at_ms / 1000), 60)
    return f"{minutes}:{rest_s:02}"


def plain(name: str) -> str:
    """Turn an identifier into words: `agent_hung_up` becomes `agent hung up`."""
    return name.replace("_", " ")


def listed(items: dict[str, int]) -> str:
    """List counts by name, such as `3,325 audio, 1,687 text`."""
    return ", ".join(f"{number:,} {name.lower()}" for name, number in items.items())
