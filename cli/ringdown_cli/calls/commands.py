"""The arguments of `ringdown calls …`."""

import argparse
import re
from pathlib import Path

from ringdown.calls.outcomes import STANDINGS
from ringdown_cli.calls.listing import list_calls
from ringdown_cli.calls.logs import show_logs
from ringdown_cli.calls.naming import CALL_HELP
from ringdown_cli.calls.showing import show
from ringdown_cli.calls.watching import watch
from ringdown_cli.command import Commands, Group, Surroundings, count


def add_call_commands(groups: Commands) -> None:
    group = Group(groups, "calls", "find calls, see what happened in them, follow them")
    _add_list(group)

    showing = group.add(
        "show",
        show,
        "show what happened in a call and any problems, and write call.html",
        examples=("calls show last", "calls show CA3f9c1d --html call.html"),
    )
    _call(showing)
    showing.add_argument("--html", metavar="FILE", type=Path, help="default: out/calls/SID.html")
    _numbers(showing)
    showing.add_argument(
        "--json", action="store_true", help="print the complete record, and write no page"
    )

    watching = group.add(
        "watch",
        watch,
        "follow a call until it ends, or all live calls until Ctrl-C",
        examples=("calls watch", "calls watch last"),
    )
    watching.add_argument("call", metavar="CALL", nargs="?", help=CALL_HELP)
    _numbers(watching)

    logs = group.add(
        "logs",
        show_logs,
        "show what Ringdown logged during a call",
        examples=("calls logs last", "calls logs CA3f9c1d --json"),
    )
    _call(logs)
    logs.add_argument("--json", action="store_true", help="print the log lines as JSON")

    recording = group.add(
        "recording",
        _recording,
        "write a recorded call's audio to a WAV file",
        examples=("calls recording last", "calls recording CA3f9c1d --out call.wav"),
    )
    _call(recording)
    recording.add_argument("--out", metavar="FILE", type=Path, help="default: out/calls/SID.wav")

    _add_analyse(group)

    replaying = group.add(
        "replay",
        _replay,
        "replay a call event by event, and turn it into a test",
        examples=(
            "calls replay last",
            "calls replay CA3f9c1d --test tests/calls/test_cut_off.py",
        ),
    )
    _call(replaying)
    replaying.add_argument(
        "--test", metavar="FILE", type=Path, help="write a test, with names and words removed"
    )

    rehearsing = group.add(
        "rehearse",
        _rehearse,
        "turn a call into a persona for agents rehearse, with names and numbers replaced",
        examples=("calls rehearse CA3f9c1d wants-a-refund.yaml",),
    )
    _call(rehearsing)
    rehearsing.add_argument(
        "file", metavar="FILE", type=_persona_file, help="where to write it: NAME.yaml"
    )

    restoring = group.add(
        "restore",
        _restore,
        "restore call records that were saved to the log during a database outage",
        examples=(
            "calls restore handler.log",
            "calls restore - < letters.json   (from gcloud logging read --format=json)",
        ),
    )
    restoring.add_argument("file", metavar="FILE", help="the log (- is standard input)")


def add_period(parser: argparse.ArgumentParser, *, since_required: bool = False) -> None:
    """Add the arguments that `period_query` reads."""
    parser.add_argument(
        "--since",
        metavar="TIME",
        required=since_required,
        help="24h, 7d, yesterday or 2026-11-21, in your time zone",
    )
    parser.add_argument("--until", metavar="TIME", help="end of the range (exclusive)")
    parser.add_argument("--agent", metavar="AGENT", help="only calls that this agent answered")


def _add_list(group: Group) -> None:
    listing = group.add(
        "list",
        list_calls,
        "find calls by time, number, agent or problem, newest first",
        examples=(
            "calls list --since 24h",
            "calls list --since yesterday --problem",
            "calls list --number +14155550123 --numbers",
            "calls list --problem lookup_account --json",
            "calls list --since 7d --outcome no",
        ),
    )
    add_period(listing)
    listing.add_argument("--number", metavar="NUMBER", help="only calls from or to this number")
    listing.add_argument(
        "--problem",
        metavar="WORDS",
        nargs="?",
        const="",
        help="only calls with a problem, or with one that mentions these words",
    )
    listing.add_argument(
        "--outcome",
        nargs="?",
        const="",
        choices=("", *STANDINGS),
        metavar="OUTCOME",
        help=f"show outcomes, or only calls with this one: {', '.join(STANDINGS)}",
    )
    listing.add_argument("--limit", metavar="N", type=count, default=20, help="default: 20")
    _numbers(listing)
    listing.add_argument("--json", action="store_true", help="print JSON, with full phone numbers")


def _add_analyse(group: Group) -> None:
    analysing = group.add(
        "analyse",
        _analyse,
        "ask the agents' current questions (after_call) about ended calls; shows the cost first",
        examples=("calls analyse --since 7d", "calls analyse --since 30d --agent shop --yes"),
    )
    add_period(analysing, since_required=True)
    analysing.add_argument("--yes", action="store_true", help="start without asking")


def _call(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("call", metavar="CALL", help=CALL_HELP)


def _numbers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--numbers", action="store_true", help="show full phone numbers")


async def _analyse(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    from ringdown_cli.calls.analysing import analyse_calls

    return await analyse_calls(arguments, surroundings)


def _persona_file(text: str) -> Path:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,63}\.yaml", Path(text).name):
        raise argparse.ArgumentTypeError(
            f"{text!r} doesn't end in a persona's name and .yaml, as in wants-a-refund.yaml"
        )
    return Path(text)


async def _rehearse(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    from ringdown_cli.calls.rehearsing import rehearse_call

    return await rehearse_call(arguments, surroundings)


async def _recording(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    from ringdown_cli.calls.recording import write_recording

    return await write_recording(arguments, surroundings)


async def _replay(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    from ringdown_cli.calls.replaying import replay_call

    return await replay_call(arguments, surroundings)


async def _restore(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    from ringdown_cli.calls.restoring import restore_calls

    return await restore_calls(arguments, surroundings)
