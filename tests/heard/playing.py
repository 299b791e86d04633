"""Plays a story on a whole line, on a clock that jumps, and shows it as a page."""

from pathlib import Path

from devtools.following import complete_record
from devtools.gemini_stand_in import API_KEY
from devtools.network_events import moments, recording_began_ms
from ringdown import clock
from ringdown.call_page import CallPage, Recording, call_page
from ringdown.calls.problems import problems
from ringdown.stores import open_store
from simulators.gemini_live.server import GeminiLiveServer
from simulators.twilio import TwilioNetwork
from tests.heard.stories import GREETING, Played, Story
from tests.ringdown.seeding import write_agent
from tests.whole_line import running_line, settings_with

_LINE = "+14155550100"
_CALLER = "+14155550123"
_LINE_HZ = 8_000
_AGENT = {
    "instructions": "You answer the phone of a bakery.",
    "greeting": GREETING,
    "notice": "",
}


async def play(story: Story, folder: Path) -> Played:
    """Call the story's own line, whose parts write to `folder`."""
    async with (
        GeminiLiveServer(story.model, api_key=API_KEY) as gemini,
        running_line(settings_with(folder, gemini)) as stack,
        open_store(stack.store_url) as store,
    ):
        await write_agent(store, "default", {**_AGENT, **story.agent})
        network = TwilioNetwork(
            auth_token=stack.twilio_auth_token, background=story.background, date=clock.now
        )
        async with network.place_call(
            to=_LINE,
            from_=_CALLER,
            voice_url=f"{stack.webhook_url}/",
            status_url=f"{stack.webhook_url}/status",
        ) as call:
            await story.caller(call)
        record = await complete_record(store, call.identity.call_sid)
    assert record is not None, "the call left no record"
    assert record.call.agent_problem is None, record.call.agent_problem
    return Played(call, record)


def page_of(played: Played) -> str:
    """The call as one HTML document, with its recording."""
    call = played.call
    began_ms = recording_began_ms(played.record.call, call.events)
    return call_page(
        CallPage(
            record=played.record,
            recording=Recording(_LINE_HZ, call.recording.caller, call.recording.agent, began_ms),
            moments=moments(call.events, began_ms),
            problems=problems(played.record),
        )
    )
