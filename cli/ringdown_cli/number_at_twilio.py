"""Checks where Twilio sends the calls of a number that gets an agent, and changes that on
request."""

import argparse

from ringdown.errors import ConfigurationError
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Surroundings
from ringdown_cli.doctor.asking import Means, Unreachable, means, peers
from ringdown_cli.doctor.command import found_deployment
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.number import check_one
from ringdown_cli.doctor.twilio_rest import (
    NO_CREDENTIALS,
    Twilio,
    TwilioRefused,
    in_words,
    twilio_of,
)
from ringdown_cli.doctor.verdicts import State
from ringdown_cli.terminal import Terminal


async def check_at_twilio(
    number: str, arguments: argparse.Namespace, surroundings: Surroundings
) -> int:
    """Print where the number's calls go. If `arguments.set_urls`, send them to this line first."""
    terminal = surroundings.terminal
    async with means(surroundings.environ, peers(surroundings.environ)) as asking:
        try:
            deployment, twilio = await _line(arguments, surroundings, asking)
        except CannotGoOn as error:
            if arguments.set_urls:
                raise CannotGoOn(f"Its URLs at Twilio weren't set. {error}") from None
            terminal.complain(f"Couldn't check where Twilio sends its calls. {error}")
            return DONE
        if arguments.set_urls:
            await _set_urls(number, deployment, twilio, terminal)
        verdict = await check_one(number, deployment, asking)
    terminal.say(f"At Twilio: {verdict.finding}.")
    if verdict.advice:
        terminal.say(verdict.advice)
    if verdict.state is not State.WRONG:
        return DONE
    if not arguments.set_urls:
        command = f"ringdown numbers set {number} {arguments.agent} --set-urls"
        terminal.say(f"To set its URLs at Twilio:\n  {command}")
    return BROKEN


async def _line(
    arguments: argparse.Namespace, surroundings: Surroundings, asking: Means
) -> tuple[Deployment, Twilio]:
    """Find the line that should get the number's calls. Raises CannotGoOn if anything about it is
    unknown."""
    try:
        deployment = await found_deployment(arguments, surroundings, asking)
    except ConfigurationError as error:
        raise CannotGoOn(" ".join(error.problems)) from None
    twilio = twilio_of(deployment, asking)
    if twilio is None:
        raise CannotGoOn(NO_CREDENTIALS[1])
    if not (deployment.webhook_url or "").startswith("https://"):
        raise CannotGoOn("Set PUBLIC_URL to the URL where Twilio reaches the webhook, https://…")
    return deployment, twilio


async def _set_urls(
    phone_number: str, deployment: Deployment, twilio: Twilio, terminal: Terminal
) -> None:
    try:
        number = await twilio.number(phone_number)
        if number is None:
            return  # `check_one` will report it
        await twilio.change(number, _urls(deployment))
    except (TwilioRefused, Unreachable) as error:
        raise CannotGoOn(f"Its URLs at Twilio weren't set: {'. '.join(in_words(error))}") from None
    terminal.say(
        f"Its URLs at Twilio are set. The voice URL was {number.voice_url or 'empty'}, the fallback"
        f" URL {number.voice_fallback_url or 'empty'}, the status callback"
        f" {number.status_callback or 'empty'}."
    )
    if deployment.project and phone_number not in deployment.phone_numbers:
        terminal.say(
            "Add it to phone_numbers in terraform.tfvars as well, so that the doctor checks it, and"
            " Terraform moves it with the line."
        )


def _urls(deployment: Deployment) -> dict[str, str]:
    """The same URLs as terraform/scripts/twilio_number.py sets. A TwiML application would override
    them, so it is removed."""
    webhook_url = f"{deployment.webhook_url}"
    return {
        "VoiceUrl": webhook_url,
        "VoiceMethod": "POST",
        "VoiceApplicationSid": "",
        "VoiceFallbackUrl": deployment.fallback_url or f"{webhook_url}/fallback",
        "VoiceFallbackMethod": "POST",
        "StatusCallback": f"{webhook_url}/status",
        "StatusCallbackMethod": "POST",
    }
