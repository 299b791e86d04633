"""The line's limits, which bound what a stranger with an autodialler can cost.

Caller ID can be spoofed, so the limit per caller stops only one number at a time; the limits of the
whole line bound the bill.
"""

import datetime
from typing import Annotated, Protocol

import msgspec

ALERT_AT = 0.8
"""The share of a limit at which operators are warned."""

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Amount = Annotated[float, msgspec.Meta(gt=0)]


class LineLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits that operators set (`settings/limits`); None means unlimited. Days and hours are
    rolling."""

    calls_per_caller_per_hour: _Count | None = 20
    calls_at_once: _Count | None = 50
    calls_per_hour: _Count | None = 500
    minutes_per_day: _Amount | None = 3_000
    usd_per_day: _Amount | None = 100


class LineUse(msgspec.Struct, frozen=True, kw_only=True):
    """How much of each limit was used before the ringing call."""

    calls_per_caller_per_hour: int = 0
    calls_at_once: int = 0
    calls_per_hour: int = 0
    minutes_per_day: float = 0.0
    usd_per_day: float = 0.0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The names of the limits that are reached or near, as in `LineLimits`."""

    reached: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    """At 80 % or more, but not reached."""

    @property
    def line_is_full(self) -> bool:
        """Whether a limit of the whole line is reached, not only this caller's."""
        return any(name != CALLER_LIMIT for name in self.reached)

    @property
    def caller_is_over(self) -> bool:
        return CALLER_LIMIT in self.reached


CALLER_LIMIT = "calls_per_caller_per_hour"


def verdict(limits: LineLimits, use: LineUse) -> Verdict:
    """Decide which limits the ringing call would exceed, and which are near."""
    shares = {
        name: getattr(use, name) / limit
        for name in LineLimits.__struct_fields__
        if (limit := getattr(limits, name)) is not None
    }
    return Verdict(
        reached=tuple(name for name, share in shares.items() if share >= 1),
        near=tuple(name for name, share in shares.items() if ALERT_AT <= share < 1),
    )


class LimitStore(Protocol):
    """Stores the limits and the calls that count against them."""

    async def read_limits(self) -> LineLimits:
        """Return the limits; the defaults if none are stored.

        Raises StoreUnavailable and InvalidDocument.
        """

    async def write_limits(self, limits: LineLimits) -> None:
        """Replace the limits. Raises StoreUnavailable."""

    async def line_use(self, caller: str | None, now: datetime.datetime) -> LineUse:
        """Return the use by all callers and, if given, by `caller`.

        Counts the stored calls. A call counts as live for at most an hour, so that one whose end
        was never recorded doesn't occupy the line. Raises StoreUnavailable.
        """
