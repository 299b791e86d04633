"""The arguments of `ringdown agents …`."""

import argparse

from ringdown_cli.agents.copying import copy, delete, diff
from ringdown_cli.agents.editing import edit, new
from ringdown_cli.agents.looking import history, list_agents, show, validate
from ringdown_cli.agents.releasing import publish, rollback, seed
from ringdown_cli.command import Commands, Group, Surroundings, count

_MOST_AT_ONCE = 16  # fewer than a handler can take


def add_agent_commands(groups: Commands) -> None:
    group = Group(groups, "agents", "see, change, try, publish and roll back agents")
    listing = group.add(
        "list",
        list_agents,
        "list the agents, their state and their numbers",
        examples=("agents list",),
    )
    _json(listing)

    showing = group.add(
        "show",
        show,
        "show an agent as YAML",
        examples=(
            "agents show default",
            "agents show default --draft",
            "agents show default --revision 1f2e > before.yaml",
        ),
    )
    _agent(showing)
    _draft(showing)
    showing.add_argument(
        "--revision", metavar="REVISION", help="an earlier revision; see agents history"
    )
    _json(showing)

    editing = group.add(
        "edit",
        edit,
        "change an agent in your editor (VISUAL or EDITOR), and save it once it is valid",
        examples=(
            "agents edit default",
            "agents edit default --draft",
            'agents edit default --file new.yaml --yes -m "New prices"',
        ),
    )
    _draft(editing)
    making = group.add(
        "new",
        new,
        "create an agent, starting from the one that ships with Ringdown",
        examples=("agents new night-desk", "agents new night-desk --file night.yaml --yes"),
    )
    making.set_defaults(draft=False)
    for parser in (editing, making):
        _agent(parser)
        parser.add_argument(
            "--file", metavar="FILE", help="read the text from FILE (- is standard input)"
        )
        parser.add_argument(
            "--anyway", action="store_true", help="save despite unknown fields or tools"
        )
        _message(parser)
        _yes(parser)

    copying = group.add("copy", copy, "copy an agent", examples=("agents copy default night-desk",))
    _agent(copying)
    copying.add_argument("copy", metavar="NEW", help="the copy's name")
    _message(copying)
    copying.set_defaults(yes=True)

    deleting = group.add(
        "delete",
        delete,
        "delete an agent that no number uses, and its draft (its revisions are kept)",
        examples=("agents delete night-desk",),
    )
    _agent(deleting)
    _yes(deleting)

    comparing = group.add(
        "diff",
        diff,
        "show the changes in the draft, in the last edit, or between two revisions",
        examples=(
            "agents diff default",
            "agents diff default 1f2e",
            "agents diff default 1f2e 9ab0",
        ),
    )
    _agent(comparing)
    comparing.add_argument(
        "revisions", metavar="REVISION", nargs="*", help="one or two; see agents history"
    )

    validating = group.add(
        "validate",
        validate,
        "check a file or a stored agent for mistakes",
        examples=("agents validate new.yaml", "agents validate default --draft"),
    )
    validating.add_argument(
        "target", metavar="FILE|AGENT", help="a .yaml file, -, or an agent's name"
    )
    _draft(validating)

    trying = group.add(
        "try",
        _try,
        "ask the model the agent's example questions, and check the answers",
        examples=("agents try default --draft", "agents try default --call-tools"),
    )
    _agent(trying)
    _draft(trying)
    trying.add_argument(
        "--call-tools", action="store_true", help="really call the tools, side effects included"
    )

    _add_rehearse(group)

    publishing = group.add(
        "publish", publish, "replace the agent with its draft", examples=("agents publish default",)
    )
    _agent(publishing)
    _message(publishing)
    _yes(publishing)

    looking_back = group.add(
        "history",
        history,
        "list an agent's revisions: when, who, why, and what changed",
        examples=("agents history default",),
    )
    _agent(looking_back)
    _json(looking_back)

    going_back = group.add(
        "rollback",
        rollback,
        "restore an earlier revision (default: the previous one)",
        examples=("agents rollback default", "agents rollback default 1f2e"),
    )
    _agent(going_back)
    going_back.add_argument(
        "revision", metavar="REVISION", nargs="?", help="its first characters are enough"
    )
    _message(going_back)
    _yes(going_back)

    group.add(
        "seed",
        seed,
        "create the default agent that ships with Ringdown, unless there is one already",
        examples=("agents seed",),
    )


def _add_rehearse(group: Group) -> None:
    rehearsing = group.add(
        "rehearse",
        _rehearse,
        "have simulated callers call an agent on this machine, and judge what they heard",
        examples=(
            "agents rehearse default --draft",
            "agents rehearse default asks-the-price interrupts --runs 5",
            "agents rehearse default --draft --budget 2 --yes",
        ),
    )
    _agent(rehearsing)
    rehearsing.add_argument(
        "personas", metavar="PERSONA", nargs="*", help="who calls (default: the agent's personas)"
    )
    _draft(rehearsing)
    rehearsing.add_argument(
        "--runs", metavar="N", type=count, default=1, help="calls per persona (default: 1)"
    )
    rehearsing.add_argument(
        "--at-once",
        metavar="N",
        type=_at_once,
        default=4,
        help="calls at the same time (default: 4)",
    )
    rehearsing.add_argument(
        "--budget",
        metavar="USD",
        type=_usd,
        default=5.0,
        help="stop at about this cost (default: 5)",
    )
    _yes(rehearsing)


def _at_once(text: str) -> int:
    calls = count(text)
    if calls > _MOST_AT_ONCE:
        raise argparse.ArgumentTypeError(f"{text} is too many: at most {_MOST_AT_ONCE}")
    return calls


def _usd(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = 0.0
    if not 0 < amount < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} isn't an amount such as 2 or 0.50")
    return amount


def _agent(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="AGENT", help="its name, such as default")


def _draft(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--draft", action="store_true", help="its next version, which only testers hear"
    )


def _yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")


def _message(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-m", "--message", metavar="WHY", help="the reason, kept in the history")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


async def _rehearse(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    from ringdown_cli.agents.rehearsing import rehearse_agent

    return await rehearse_agent(arguments, surroundings)


async def _try(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    from ringdown_cli.agents.trying import try_examples

    return await try_examples(arguments, surroundings)
