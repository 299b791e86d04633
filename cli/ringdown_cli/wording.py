"""How times, numbers and money are written in commands' answers."""

from collections.abc import Iterator, Sequence

import msgspec

from ringdown.calls import Call
from ringdown.phone_numbers import is_e164
from ringdown.tools import Json

_SHORT = len("anonymous")


def number_shown(number: str, *, whole: bool) -> str:
    """A phone number's end, enough to know it by; all of it if asked for. What is no number
    (`anonymous`, `sip:…`) is cut, too."""
    if whole:
        return number
    if is_e164(number):
        return f"…{number[-4:]}"
    return number if len(number) <= _SHORT else f"{number[:4]}…"


def transfers_shown(call: Call) -> Iterator[str]:
    """Whom the caller was transferred to, one after the other, and whether they took the call."""
    for name in call.failed_transfers:
        yield f"{name}, who did not take the call"
    if call.transfer_to is not None and not call.agent.transfer_accept:
        yield call.transfer_to
    elif call.transfer_to is not None:
        took = "took" if call.accepted_by is not None else "did not take"
        yield f"{call.transfer_to}, who {took} the call"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Such as `1 call` and `3 calls`."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def money(usd: float) -> str:
    if 0 < usd < 0.01:
        return "less than $0.01"
    return f"${usd:.2f}"


def json_text(value: Json) -> str:
    """For scripts, and readable all the same."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def json_rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for scripts: a map for each row."""
    names = [head.replace(" ", "_") for head in heads]
    return json_text([dict(zip(names, row, strict=True)) for row in rows])
