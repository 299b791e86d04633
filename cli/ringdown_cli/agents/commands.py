"""The arguments of `ringdown agents …`."""

import argparse

from ringdown_cli.agents.editing import edit
from ringdown_cli.agents.looking import history, list_agents, show, validate
from ringdown_cli.agents.releasing import publish, rollback, seed
from ringdown_cli.command import Group, Surroundings


def add_agent_commands(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = Group(groups, "agents", "what answers the phone: look, change, try, publish, go back")
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
        "--revision", metavar="REVISION", help="an earlier one; see agents history"
    )
    _json(showing)

    editing = group.add(
        "edit",
        edit,
        "change an agent in your editor (VISUAL or EDITOR); nothing broken is saved",
        examples=(
            "agents edit default",
            "agents edit default --draft",
            "agents edit default --file new.yaml --yes",
        ),
    )
    _agent(editing)
    _draft(editing)
    editing.add_argument(
        "--file", metavar="FILE", help="take the text from FILE (- is standard input)"
    )
    editing.add_argument(
        "--anyway", action="store_true", help="save fields and tools that nobody knows, too"
    )
    _yes(editing)

    validating = group.add(
        "validate",
        validate,
        "say what is wrong with a file, or with a stored agent",
        examples=("agents validate new.yaml", "agents validate default --draft"),
    )
    validating.add_argument(
        "target", metavar="FILE|AGENT", help="a .yaml file, -, or an agent's name"
    )
    _draft(validating)

    trying = group.add(
        "try",
        _try,
        "say the agent's examples to the model, and look for what must be in the answers",
        examples=("agents try default --draft", "agents try default --call-tools"),
    )
    _agent(trying)
    _draft(trying)
    trying.add_argument(
        "--call-tools", action="store_true", help="call tools for real, with all that they do"
    )

    publishing = group.add(
        "publish", publish, "make the draft the agent", examples=("agents publish default",)
    )
    _agent(publishing)
    _yes(publishing)

    looking_back = group.add(
        "history",
        history,
        "list an agent's revisions and what changed in each",
        examples=("agents history default",),
    )
    _agent(looking_back)
    _json(looking_back)

    going_back = group.add(
        "rollback",
        rollback,
        "go back to an earlier revision: the one before, if none is named",
        examples=("agents rollback default", "agents rollback default 1f2e"),
    )
    _agent(going_back)
    going_back.add_argument(
        "revision", metavar="REVISION", nargs="?", help="its beginning is enough"
    )
    _yes(going_back)

    group.add(
        "seed",
        seed,
        "make the agent that ships with Ringdown the default one, unless there is one",
        examples=("agents seed",),
    )


def _agent(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="AGENT", help="its name, such as default")


def _draft(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--draft", action="store_true", help="its next version, heard by testers")


def _yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for scripts")


async def _try(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    from ringdown_cli.agents.trying import try_examples

    return await try_examples(arguments, surroundings)
