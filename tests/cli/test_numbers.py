import json

import pytest

from tests.cli.agents.stored_agents import DOCUMENT, write
from tests.cli.command_line import CommandLine

NUMBER = "+14155550100"


@pytest.fixture
def line(command_line: CommandLine) -> CommandLine:
    write(command_line, DOCUMENT)
    return command_line


def test_an_agent_gets_a_number_and_hands_it_on(line: CommandLine) -> None:
    write(line, DOCUMENT, agent_id="night")
    first = line.run("numbers", "set", NUMBER, "shop")
    second = line.run("numbers", "set", NUMBER, "night")
    assert first.said == f"shop now answers {NUMBER} (before: default).\n"
    assert second.said == f"night now answers {NUMBER} (before: shop).\n"
    assert json.loads(line.run("numbers", "list", "--json").said) == {NUMBER: "night"}


def test_the_list_has_numbers_and_who_answers_the_rest(line: CommandLine) -> None:
    line.run("numbers", "set", NUMBER, "shop")
    ran = line.run("numbers", "list")
    assert ran.said == f"number        agent\n{NUMBER}  shop\n"
    assert ran.complained == "Every other number: default.\n"


def test_a_number_goes_back_to_the_default_agent(line: CommandLine) -> None:
    line.run("numbers", "set", NUMBER, "shop")
    ran = line.run("numbers", "unset", NUMBER)
    assert ran.said == f"default now answers {NUMBER} (before: shop).\n"
    assert line.run("numbers", "list").complained == "Every number: default.\n"


def test_a_number_without_an_agent_of_its_own_stays_as_it_is(line: CommandLine) -> None:
    line.run("numbers", "set", NUMBER, "shop")
    ran = line.run("numbers", "unset", "+14155550101")
    assert ran.status == 1
    assert ran.complained == (
        f"+14155550101 hasn't been given an agent, so default answers it. Did you mean {NUMBER}?\n"
    )


@pytest.mark.parametrize("number", ["4155550100", "+1 415 555 0100", "+0123456789", "anonymous"])
def test_a_number_that_is_none_is_told_how(line: CommandLine, number: str) -> None:
    ran = line.run("numbers", "set", number, "shop")
    assert ran.status == 1
    assert "Write it like +14155550100" in ran.complained
    assert line.run("numbers", "list").complained == "Every number: default.\n"


def test_an_agent_that_does_not_exist_gets_no_number(line: CommandLine) -> None:
    ran = line.run("numbers", "set", NUMBER, "shopp")
    assert ran.status == 1
    assert ran.complained == "There is no agent shopp. Did you mean shop? Agents: shop.\n"
