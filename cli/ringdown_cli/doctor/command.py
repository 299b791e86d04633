"""The command `ringdown doctor`: finds the deployment, runs the checks, reports the results."""

import argparse
from collections import Counter
from collections.abc import Mapping

from ringdown.errors import ConfigurationError
from ringdown_cli.command import BROKEN, DONE, UNTRIED, CannotGoOn, Surroundings, given_text
from ringdown_cli.doctor.asking import Means, means, peers
from ringdown_cli.doctor.checks import CHECKS, Check, examine
from ringdown_cli.doctor.deployment import (
    Deployment,
    NotOutputs,
    from_environ,
    from_outputs,
    from_stack,
    secret_ids,
)
from ringdown_cli.doctor.secret_manager import deployed_secrets
from ringdown_cli.doctor.verdicts import State, Verdict
from ringdown_cli.store_choice import STACK_FILE
from ringdown_cli.terminal import Style, Terminal
from ringdown_cli.terraform import is_deployed_from, terraform_output
from ringdown_cli.wording import json_text

_OUTPUTS_FROM_ELSEWHERE = (
    "Run `terraform output -json` where it works, save what it prints, and run:"
    " ringdown doctor --outputs FILE"
)
_SIGNS = {
    State.GOOD: ("✓", Style.GOOD),
    State.LIMITED: ("!", Style.STRONG),
    State.WRONG: ("✗", Style.BAD),
    State.UNTRIED: ("–", Style.FAINT),
}
_IN_WORDS = {
    State.GOOD: "good",
    State.LIMITED: "with limits",
    State.WRONG: "wrong",
    State.UNTRIED: "not tried",
}
_WIDTH = max(len(check.name) for check in CHECKS)
_WHERE_TO_LOOK = (
    "No deployment found. Do one of these:\n"
    "  pass its outputs: terraform -chdir=terraform output -json | ringdown doctor --outputs -\n"
    "  start one on this machine: make stack\n"
    "  set PUBLIC_URL, STREAM_URL and STORE_URL"
)


async def doctor(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal

    def tell(check: Check, verdict: Verdict) -> None:
        if not arguments.json:
            _say(terminal, check.name, verdict)

    async with means(surroundings.environ, peers(surroundings.environ)) as asking:
        deployment = await found_deployment(arguments, surroundings, asking)
        if not arguments.json:
            terminal.say(f"Checking {deployment.where} …")
        verdicts = await examine(deployment, asking, tell)
    if arguments.json:
        terminal.say(json_text(_document(deployment, verdicts)))
    else:
        terminal.say(_summary(verdicts))
    states = {verdict.state for verdict in verdicts.values()}
    if State.WRONG in states:
        return BROKEN
    return UNTRIED if State.UNTRIED in states else DONE


def _say(terminal: Terminal, name: str, verdict: Verdict) -> None:
    sign, style = _SIGNS[verdict.state]
    terminal.say(f"  {sign} {name:{_WIDTH}}  {verdict.finding}", style)
    if verdict.advice:
        terminal.say(f"    {'':{_WIDTH}}  {verdict.advice}")


def _summary(verdicts: Mapping[str, Verdict]) -> str:
    counts = Counter(verdict.state for verdict in verdicts.values())
    return ", ".join(f"{counts[state]} {_IN_WORDS[state]}" for state in State if counts[state])


def _document(deployment: Deployment, verdicts: Mapping[str, Verdict]) -> dict[str, object]:
    return {
        "where": deployment.where,
        "checks": [
            {"name": name, "state": v.state.value, "finding": v.finding, "advice": v.advice}
            for name, v in verdicts.items()
        ],
    }


async def found_deployment(
    arguments: argparse.Namespace, surroundings: Surroundings, asking: Means
) -> Deployment:
    """Find the deployment to check. Raises CannotGoOn, ConfigurationError."""
    environ, stack = surroundings.environ, surroundings.out / STACK_FILE
    if arguments.outputs is not None:
        text = given_text(arguments.outputs, surroundings.terminal)
        return await _of_outputs(text, arguments.outputs, environ, asking)
    if stack.exists():
        return from_stack(stack.read_text("utf-8"), environ)
    if is_deployed_from(arguments.terraform):
        try:
            text = await terraform_output(arguments.terraform, "-json")
        except CannotGoOn as error:
            raise CannotGoOn(f"{error}\n{_OUTPUTS_FROM_ELSEWHERE}") from None
        source = f"terraform output in {arguments.terraform}"
        return await _of_outputs(text, source, environ, asking)
    deployment = from_environ(environ)
    if deployment.webhook_url is None and deployment.stream_url is None:
        raise ConfigurationError([_WHERE_TO_LOOK])
    return deployment


async def _of_outputs(
    text: str, source: str, environ: Mapping[str, str], asking: Means
) -> Deployment:
    try:
        deployed = await deployed_secrets(secret_ids(text), asking)
        return from_outputs(text, deployed, environ)
    except NotOutputs as error:
        raise CannotGoOn(
            f"{source}: {error}. It must be what `terraform output -json` prints after"
            " `terraform apply`."
        ) from None
