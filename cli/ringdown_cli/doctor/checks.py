"""All checks with their deadlines; they run in parallel."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from ringdown_cli.doctor.agents import check_agents
from ringdown_cli.doctor.asking import Means
from ringdown_cli.doctor.billing import check_billing
from ringdown_cli.doctor.clock import check_clock
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.handler import check_handler
from ringdown_cli.doctor.messaging import check_messaging
from ringdown_cli.doctor.model import check_model
from ringdown_cli.doctor.number import check_number
from ringdown_cli.doctor.twilio_account import check_account
from ringdown_cli.doctor.verdicts import Verdict, wrong
from ringdown_cli.doctor.webhook import check_webhook

Ask = Callable[[Deployment, Means], Awaitable[Verdict]]
Told = Callable[["Check", Verdict], None]
_PHONE_NUMBER = re.compile(r"(?:\+|%2B)[1-9]\d{2,10}(\d{4})(?!\d)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ask: Ask
    within_s: float


CHECKS = (
    Check("clock", check_clock, 20.0),
    Check("billing", check_billing, 20.0),
    Check("agents", check_agents, 20.0),
    Check("handler", check_handler, 30.0),  # an instance may have to start
    Check("webhook", check_webhook, 45.0),
    Check("account", check_account, 20.0),
    Check("number", check_number, 20.0),
    Check("messaging", check_messaging, 40.0),
    Check("model", check_model, 40.0),
)


async def examine(
    deployment: Deployment, means: Means, tell: Told, checks: Sequence[Check] = CHECKS
) -> dict[str, Verdict]:
    """Run all checks. Returns the verdicts by check name; `tell` gets each one as soon as possible,
    in the order of `checks`. Phone numbers in verdicts are shortened, because a scheduled check
    logs them.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [(check, group.create_task(_asked(check, deployment, means))) for check in checks]
        verdicts: dict[str, Verdict] = {}
        for check, task in tasks:
            verdict = await task
            verdicts[check.name] = replace(
                verdict,
                finding=_PHONE_NUMBER.sub(r"…\1", verdict.finding),
                advice=_PHONE_NUMBER.sub(r"…\1", verdict.advice),
            )
            tell(check, verdicts[check.name])
    return verdicts


async def _asked(check: Check, deployment: Deployment, means: Means) -> Verdict:
    try:
        async with asyncio.timeout(check.within_s):
            return await check.ask(deployment, means)
    except TimeoutError:
        return wrong(
            f"no answer within {check.within_s:g} s",
            "Try again: the first request after a pause is slow. If this persists, see its logs.",
        )
