"""The Gemini stand-in, as the scripts want it: it knows their questions and answers them."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devtools.conformance import scripts
from devtools.conformance.wire import Endpoint
from simulators.gemini_live.scenario import Pace, PlannedCall, Reply, Scenario, Turn
from simulators.gemini_live.server import GeminiLiveServer

_API_KEY = "stand-in-key"
_TEN = "One, two, three, four, five, six, seven, eight, nine, ten."
_FORTY = f"{_TEN} Eleven, twelve, thirteen, fourteen, fifteen, sixteen, seventeen, eighteen."

SCENARIO = Scenario(
    turns=(
        Turn("hello", Reply(say="Hello, this is a test."), text=scripts.SAY_HELLO),
        Turn("ten", Reply(say=_TEN), text=scripts.COUNT_TO_TEN),
        Turn("forty", Reply(say=_FORTY), text=scripts.COUNT_TO_FORTY),
        Turn(
            "balance",
            Reply(
                calls=(PlannedCall("look_up_balance", {"account": "12"}),),
                then="It is forty dollars.",
            ),
            text=scripts.LOOK_UP,
        ),
        Turn("teach", Reply(say="Yes."), text=scripts.TEACH),
        Turn(
            "recall",
            Reply(say="Pineapple."),
            text=scripts.RECALL,
            needs="teach",
            forgotten="I do not know it.",
        ),
        # The last of the texts: TEACH contains it.
        Turn("yes", Reply(say="Yes."), text=scripts.SAY_YES),
        Turn("question", Reply(say="Paris."), heard=(scripts.QUESTION,)),
    ),
    decoys=(scripts.INTERRUPTION,),
    pace=Pace(speed=8),
)


@asynccontextmanager
async def running_stand_in(model: str) -> AsyncIterator[Endpoint]:
    """The endpoint of a stand-in of this process."""
    async with GeminiLiveServer(SCENARIO, api_key=_API_KEY) as server:
        yield Endpoint(
            base_url=server.base_url,
            api_key=_API_KEY,
            model=model,
            tls=ssl.create_default_context(cafile=server.ca_file),
            direct=True,
        )
