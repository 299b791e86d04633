"""`ringdown numbers`: which agent answers which number."""

import argparse

from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.phone_numbers import is_e164
from ringdown.wording import did_you_mean
from ringdown_cli.agents.state import read_or_stop
from ringdown_cli.command import DONE, CannotGoOn, Commands, Group, Surroundings
from ringdown_cli.doctor.arguments import add_deployment_arguments
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.wording import json_text


def add_number_commands(groups: Commands) -> None:
    group = Group(groups, "numbers", "which agent answers which of your numbers")
    listing = group.add(
        "list",
        list_numbers,
        "list the numbers that have been given an agent",
        examples=("numbers list",),
    )
    listing.add_argument("--json", action="store_true", help="print JSON, for scripts")
    setting = group.add(
        "set",
        set_number,
        "let an agent answer a number, and check where Twilio sends its calls",
        examples=(
            "numbers set +14155550100 night-desk",
            "numbers set +14155550100 default --set-urls",
        ),
    )
    setting.add_argument(
        "number", metavar="NUMBER", help="as Twilio writes it, such as +14155550100"
    )
    setting.add_argument("agent", metavar="AGENT", help="its name, such as default")
    setting.add_argument(
        "--set-urls", action="store_true", help="have Twilio send its calls to this line"
    )
    add_deployment_arguments(setting)
    unsetting = group.add(
        "unset",
        unset_number,
        "let the default agent answer a number again",
        examples=("numbers unset +14155550100",),
    )
    unsetting.add_argument("number", metavar="NUMBER", help="as `numbers list` shows it")


async def list_numbers(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        numbers = await store.list_numbers()
        agents = {agent.agent_id for agent in await store.list_agents()}
    if arguments.json:
        terminal.say(json_text(numbers))
        return DONE
    if numbers:
        rows = [
            (number, agent_id if agent_id in agents else f"{agent_id} (does not exist)")
            for number, agent_id in sorted(numbers.items())
        ]
        terminal.table(("number", "agent"), rows)
    terminal.complain(f"Every {'other ' if numbers else ''}number: {DEFAULT_AGENT_ID}.")
    return DONE


async def set_number(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    number, agent_id = arguments.number, arguments.agent
    if not is_e164(number):
        raise CannotGoOn(
            f"{number!r} isn't a valid phone number. Write it like +14155550100: plus, country"
            " code, digits only."
        )
    async with chosen_store(arguments.store, surroundings) as store:
        await read_or_stop(store, agent_id)
        before = (await store.list_numbers()).get(number, DEFAULT_AGENT_ID)
        await store.write_number(number, agent_id)
    surroundings.terminal.say(f"{agent_id} now answers {number} (before: {before}).")
    from ringdown_cli.number_at_twilio import check_at_twilio  # takes a second to import

    return await check_at_twilio(number, arguments, surroundings)


async def unset_number(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    number = arguments.number
    async with chosen_store(arguments.store, surroundings) as store:
        numbers = await store.list_numbers()
        if number not in numbers:
            meant = did_you_mean(number, numbers)
            raise CannotGoOn(
                f"{number} hasn't been given an agent, so {DEFAULT_AGENT_ID} answers it.{meant}"
            )
        await store.delete_number(number)
    surroundings.terminal.say(
        f"{DEFAULT_AGENT_ID} now answers {number} (before: {numbers[number]})."
    )
    return DONE
