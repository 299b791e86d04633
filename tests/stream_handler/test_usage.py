"""Token counts without details are priced, too."""

import msgspec

from ringdown.calls import EndReason
from tests.ringdown.samples import an_agent
from tests.stream_handler.conversing import Converse, Model


class _CountsTokens(Model):
    """Reports how many tokens it used, but not of which kind."""

    async def greet(self) -> None:
        await self.say("Hello.", 0.3)
        counts = {"promptTokenCount": 50_000, "responseTokenCount": 4_000}
        await self.send({"usageMetadata": {**counts, "totalTokenCount": 54_000}})


async def test_tokens_without_details_cost_something(converse: Converse) -> None:
    async with converse(_CountsTokens) as talk:
        await talk.phone.listen(1.0)
        record = await talk.ended()

    assert record.call.cost_usd == 0.198


async def test_tokens_without_details_count_against_the_limit(converse: Converse) -> None:
    thrifty = msgspec.structs.replace(an_agent(), max_cost_usd=0.01)
    async with converse(_CountsTokens, agent=thrifty) as talk:
        await talk.phone.listen(2.0)
        record = await talk.ended()

    assert record.call.end_reason is EndReason.COST_LIMIT
