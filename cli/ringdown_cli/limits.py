"""`ringdown limits`: shows the line's limits and how much of them is used, or changes one."""

import argparse

import msgspec

from ringdown.calls.limits import CALLER_LIMIT, LineLimits, LineUse, verdict
from ringdown.documents import explain
from ringdown.wording import did_you_mean
from ringdown_cli.command import DONE, CannotGoOn, Commands, Surroundings, add_command
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Style, Terminal
from ringdown_cli.wording import json_text

_NAMES = LineLimits.__struct_fields__
_NONE = "none"


def add_limit_commands(commands: Commands) -> None:
    parser = add_command(
        commands,
        "limits",
        limits,
        "show the line's limits and how much of them is used, or change one",
        examples=("limits", "limits calls_at_once 10", "limits usd_per_day none"),
    )
    parser.add_argument("name", metavar="LIMIT", nargs="?", help=", ".join(_NAMES))
    parser.add_argument("value", metavar="VALUE", nargs="?", help=f"a number, or {_NONE}")
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


async def limits(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal, name = surroundings.terminal, arguments.name
    if name is not None and name not in _NAMES:
        meant = did_you_mean(name, _NAMES)
        raise CannotGoOn(f"Unknown limit {name}.{meant} Limits: {', '.join(_NAMES)}.")
    async with chosen_store(arguments.store, surroundings) as store:
        present = await store.read_limits()
        if arguments.value is not None:
            changed = changed_limits(present, name, arguments.value)
            await store.write_limits(changed)
            was, now = (_shown(getattr(each, name)) for each in (present, changed))
            terminal.say(f"{name} is now {now} (it was {was}). It applies from the next call.")
            return DONE
        use = await store.line_use(None, surroundings.now())
    if arguments.json:
        terminal.say(json_text({"limits": present, "used": use}))
    else:
        _say(terminal, present, use, [name] if name is not None else [*_NAMES])
    return DONE


def changed_limits(limits: LineLimits, name: str, value: str) -> LineLimits:
    """Return `limits` with one of them changed. Raises CannotGoOn if `value` is invalid for it."""
    try:
        wanted = None if value.lower() == _NONE else msgspec.json.decode(value.lstrip("$"))
        plain = {**msgspec.to_builtins(limits), name: wanted}
        return msgspec.convert(plain, LineLimits)
    except msgspec.ValidationError as error:
        raise CannotGoOn(f"{explain(error)}. Give a number, or {_NONE}.") from None
    except msgspec.DecodeError:
        raise CannotGoOn(f"Can't read {value!r} as a limit. Give a number, or {_NONE}.") from None


def _say(terminal: Terminal, limits: LineLimits, use: LineUse, names: list[str]) -> None:
    judged = verdict(limits, use)
    rows, styles = [], []
    for name in names:
        is_callers = name == CALLER_LIMIT
        state = "reached" if name in judged.reached else "near" if name in judged.near else ""
        used = "per caller" if is_callers else f"{getattr(use, name):.4g}"
        rows.append((name, used, _shown(getattr(limits, name)), state))
        styles.append(Style.BAD if state else Style.PLAIN)
    terminal.table(("limit", "used", "of", ""), rows, styles=styles)
    terminal.note("Hours and days count back from now. To change one: ringdown limits LIMIT VALUE")


def _shown(limit: float | None) -> str:
    return _NONE if limit is None else f"{limit:g}"
