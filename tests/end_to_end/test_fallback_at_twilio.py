"""The deployment is gone: Twilio serves what docs/deploy.md says to put into a TwiML Bin."""

import re
from pathlib import Path

import pytest

from devtools.processes import free_port
from simulators.twilio import Answers, DialStatus, TwilioNetwork
from simulators.twilio.events import DialledPartyEnded
from tests.simulators.twilio.peers import Reply, webhook_server

LINE, CALLER, PERSON = "+14155550100", "+14155550123", "+14155550199"
WITHHELD = "+266696687"
PAGE = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text("utf-8")
(BIN,) = re.findall(r"<\?xml .*?</Response>", PAGE, re.DOTALL)


async def dialled(template: str, caller: str) -> list[tuple[str, DialStatus]]:
    """Place a call whose webhook is gone; returns who was dialled. `template` is the TwiML Bin."""
    network = TwilioNetwork(auth_token="token", dialled={PERSON: Answers("This is a person.")})
    async with webhook_server() as twilio:
        twiml = template.replace("{{To}}", LINE)  # TwiML Bins fill in what Twilio would post
        async with network.place_call(
            to=LINE,
            from_=caller,
            voice_url=f"http://127.0.0.1:{free_port()}/",
            fallback_url=twilio.on("/twiml/EH01", Reply(twiml.encode())),
        ) as call:
            await call.ended(60)
    ended = (event for event in call.events if isinstance(event, DialledPartyEnded))
    return [(event.number, event.status) for event in ended]


@pytest.mark.parametrize("caller", [CALLER, WITHHELD])
async def test_a_person_answers_without_anything_of_ours(caller: str) -> None:
    assert await dialled(BIN, caller) == [(PERSON, DialStatus.COMPLETED)]


async def test_without_a_caller_id_a_withheld_number_reaches_no_one() -> None:
    plain = BIN.replace(' callerId="{{To}}"', "")

    assert plain != BIN
    assert (PERSON, DialStatus.COMPLETED) not in await dialled(plain, WITHHELD)
