"""Does the store answer, and can every agent in it answer calls?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.check import Findings, findings
from ringdown.errors import ConfigurationError, InvalidDocument, StoreUnavailable
from ringdown.stores import open_store
from ringdown_cli.doctor.asking import Means
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.verdicts import Verdict, good, limited, untried, wrong


@dataclass(frozen=True, slots=True)
class Stored:
    """The store's agents by id, and each number's agent."""

    agents: Mapping[str, Findings]
    numbers: Mapping[str, str]


async def check_agents(deployment: Deployment, _: Means) -> Verdict:
    if deployment.store_url is None:
        return untried("the store is unknown", "Set STORE_URL.")
    try:
        async with open_store(deployment.store_url) as store:
            tools = await store.declared_tools()
            stored = Stored(
                {a.agent_id: findings(a.document, tools) for a in await store.list_agents()},
                await store.list_numbers(),
            )
    except (ConfigurationError, InvalidDocument, StoreUnavailable) as error:
        return out_of_reach(error)
    return judge_agents(stored, deployment.phone_numbers)


def out_of_reach(error: Exception) -> Verdict:
    if isinstance(error, ConfigurationError):
        return wrong("can't open the store", " ".join(error.problems))
    return wrong(
        f"the store doesn't answer: {error}",
        "Does the database exist, and can you read it (roles/datastore.user)? In Google's console:"
        " https://console.cloud.google.com/firestore",
    )


def judge_agents(stored: Stored, numbers: Sequence[str]) -> Verdict:
    """Judge what is in the store. `numbers` are the phone numbers of the line."""
    if DEFAULT_AGENT_ID not in stored.agents:
        return limited(
            f"agent {DEFAULT_AGENT_ID} is missing; the packaged one answers",
            "To make one: ringdown agents seed",
        )
    lost = {n: a for n, a in stored.numbers.items() if a not in stored.agents}
    broken = {name: found for name, found in stored.agents.items() if found.agent is None}
    if broken or lost:
        return wrong(_trouble(broken, lost), _cure(broken, lost))
    answers = _answers(stored, numbers)
    remarks = {name: found for name, found in stored.agents.items() if found.remarks}
    if remarks:
        name, found = next(iter(remarks.items()))
        return limited(
            f"usable, but with remarks: {_names(remarks)}; this line: {answers}",
            f"{found.remarks[0]} (ringdown agents edit {name})",
        )
    return good(f"the store answers; valid: {_names(stored.agents)}; this line: {answers}")


def _answers(stored: Stored, numbers: Sequence[str]) -> str:
    """Say which agents answer the line's numbers."""
    agents = {number: stored.numbers.get(number, DEFAULT_AGENT_ID) for number in numbers}
    if len(set(agents.values())) > 1:
        return _names(f"{number} {agent}" for number, agent in agents.items())
    return next(iter(agents.values()), DEFAULT_AGENT_ID)


def _trouble(broken: Mapping[str, Findings], lost: Mapping[str, str]) -> str:
    parts = [f"{_names(broken)} can't be used" if broken else ""]
    if lost:
        parts.append(f"the agent of {_names(lost)} doesn't exist")
    return "; ".join(part for part in parts if part)


def _cure(broken: Mapping[str, Findings], lost: Mapping[str, str]) -> str:
    lines = [
        f"{found.errors[0]} Correct it: ringdown agents edit {name}"
        for name, found in broken.items()
    ]
    lines += [
        f"Give {number} another agent: ringdown numbers set NUMBER {DEFAULT_AGENT_ID}"
        for number in lost
    ]
    return " ".join(lines)


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)
