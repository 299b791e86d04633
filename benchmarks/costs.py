"""What calls cost: from simulated turns, each of which bills the whole context again.

`python -m benchmarks.costs` writes docs/costs.md. Prices are assumptions with a source and a date;
change them here and run it again.
"""

import itertools
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

from ringdown.calls import Usage
from ringdown.gemini.prices import cost_usd
from ringdown.gemini.setup import COMPRESS_AT_TOKENS, COMPRESS_TO_TOKENS

TOKENS_PER_S = 25.0
"""Of audio, either way, as Google's documentation of the Live API has it."""
INSTRUCTIONS_TOKENS = 1_500


@dataclass(frozen=True, slots=True)
class Talk:
    """How people talk on the telephone: one exchange after the other."""

    caller_s: float = 6.0
    agent_s: float = 8.0
    silence_s: float = 1.0
    """The model hears silence, too."""

    @property
    def exchange_s(self) -> float:
        return self.caller_s + self.agent_s + self.silence_s


def exchanges(talk: Talk = Talk(), *, compressed: bool = True) -> Iterator[tuple[float, float]]:
    """Tokens billed in and out after each exchange, for as long as the call may last."""
    context, billed_in, billed_out = float(INSTRUCTIONS_TOKENS), 0.0, 0.0
    while True:
        context += talk.exchange_s * TOKENS_PER_S  # the line is open while the agent speaks
        billed_in += context
        spoken = talk.agent_s * TOKENS_PER_S
        billed_out += spoken
        context += spoken
        if compressed and context > COMPRESS_AT_TOKENS:
            context = COMPRESS_TO_TOKENS
        yield billed_in, billed_out


def tokens_of_call(
    length_s: float, talk: Talk = Talk(), *, compressed: bool = True
) -> tuple[int, int]:
    """Tokens billed in and out, over all turns of a call."""
    count = math.ceil(length_s / talk.exchange_s)
    turns = itertools.islice(exchanges(talk, compressed=compressed), count)
    *_, (billed_in, billed_out) = ((0.0, 0.0), *turns)
    return round(billed_in), round(billed_out)


def model_usd(length_s: float, *, compressed: bool = True) -> float:
    return _usd(*tokens_of_call(length_s, compressed=compressed))


def call_under_limit(max_cost_usd: float, *, compressed: bool = True) -> tuple[float, float]:
    """Minutes and USD of a caller who never hangs up: the agent says goodbye at its limit.

    The limit is looked at when the service reports what a turn has used; the goodbye is one more.
    """
    talk, reached = Talk(), False
    for number, tokens in enumerate(exchanges(talk, compressed=compressed), start=1):
        usd = _usd(*(round(count) for count in tokens))
        if reached:
            return number * talk.exchange_s / 60, usd
        reached = usd >= max_cost_usd
    raise AssertionError("a call costs something")


def _usd(billed_in: int, billed_out: int) -> float:
    return cost_usd(Usage(prompt={"AUDIO": billed_in}, response={"AUDIO": billed_out}))


@dataclass(frozen=True, slots=True)
class Price:
    what: str
    usd: float
    per: str
    source: str


_TWILIO = "twilio.com/en-us/voice/pricing/us"
_RUN = "cloud.google.com/run/pricing, tier 1"
_FIRESTORE = "cloud.google.com/firestore/pricing, one region"

TWILIO_INBOUND = Price("Twilio, call to a US local number", 0.0085, "minute", _TWILIO)
TWILIO_STREAM = Price("Twilio, media stream", 0.004, "minute", _TWILIO)
TWILIO_NUMBER = Price("Twilio, US local number", 1.15, "month", _TWILIO)
RUN_CPU = Price("Cloud Run, instance-based, one vCPU", 0.000018, "second", _RUN)
RUN_MEMORY = Price("Cloud Run, instance-based, memory", 0.000002, "GiB second", _RUN)
FUNCTION_CPU = Price("Functions, request-based, one vCPU", 0.000024, "second", _RUN)
FUNCTION_MEMORY = Price("Functions, request-based, memory", 0.0000025, "GiB second", _RUN)
FUNCTION_REQUEST = Price("Functions, request", 0.4e-6, "request", _RUN)
FIRESTORE_WRITE = Price("Firestore, write", 0.9e-6, "document", _FIRESTORE)
FIRESTORE_READ = Price("Firestore, read", 0.3e-6, "document", _FIRESTORE)
PRICES = (
    TWILIO_INBOUND,
    TWILIO_STREAM,
    TWILIO_NUMBER,
    RUN_CPU,
    RUN_MEMORY,
    FUNCTION_CPU,
    FUNCTION_MEMORY,
    FUNCTION_REQUEST,
    FIRESTORE_WRITE,
    FIRESTORE_READ,
)

CALL_MIN = 3.0
WRITES_PER_MINUTE = 70.0
"""Documents, counted in the demonstration call (`make call`), in which somebody always speaks."""
READS_PER_CALL = 10.0
REQUESTS_PER_CALL = 8.0
"""The webhook's: answer, after the stream, what Twilio reports; and two tool calls."""
REQUEST_S = 0.5
"""On average, with an instance's start now and then."""
REQUEST_GIB = 0.5
CALLS_AT_ONCE = 5.0
"""How many an instance carries on average where calls overlap: of 20, some must be free."""
IDLE_MIN = 15.0
"""For so long Cloud Run may keep, and bill, an instance after its last call."""
MONTH_MIN = 30 * 24 * 60.0


def instance_minutes(minutes: float) -> float:
    """Of stream_handler, in a month of so many minutes of calls.

    Calls that come one by one each leave an instance idle; on a busy line one is there all month,
    and more where calls overlap.
    """
    one_by_one = minutes / CALL_MIN * (CALL_MIN + IDLE_MIN)
    return max(minutes / CALLS_AT_ONCE, min(one_by_one, MONTH_MIN))


def month_usd(minutes: float) -> dict[str, float]:
    """What a month with so many minutes costs, by who bills it."""
    calls = minutes / CALL_MIN
    request_usd = FUNCTION_REQUEST.usd + REQUEST_S * (
        FUNCTION_CPU.usd + REQUEST_GIB * FUNCTION_MEMORY.usd
    )
    return {
        "Gemini": calls * model_usd(CALL_MIN * 60),
        "Twilio": TWILIO_NUMBER.usd + minutes * (TWILIO_INBOUND.usd + TWILIO_STREAM.usd),
        "Cloud Run": instance_minutes(minutes) * 60 * (RUN_CPU.usd + RUN_MEMORY.usd),
        "Functions": calls * REQUESTS_PER_CALL * request_usd,
        "Firestore": minutes * WRITES_PER_MINUTE * FIRESTORE_WRITE.usd
        + calls * READS_PER_CALL * FIRESTORE_READ.usd,
    }


_PAGE = Template("""# What it costs

*Written by `python -m benchmarks.costs` from the prices and habits at the end.*

## One call

A model bills each turn with the whole context again, so a call of ten minutes costs more than five
of two.

$calls

## What bounds a call

Beyond $trigger tokens the context is cut to $target (context compression): from then on a minute
costs no more, however long the call is. An agent's `max_cost_usd` bounds the whole. These callers
never hang up; the agent says goodbye after the turn with which the limit is reached, so a call
costs two turns more at most:

$limits

`max_call_s` bounds the time as well.

## A month

Calls of $minutes minutes, `min_instances = 0`:

$months

Without calls nothing runs, and the number is what is left to pay. `min_instances = 1` adds
about $always USD a month for each of the two parts that it keeps awake; on a line so busy that they
never sleep, nothing. Free tiers are not taken off; building, logs and images, which come to cents,
are not added.

## Prices and habits

All second hand, as of autumn 2026: none was compared with the page named or with a bill. Look
there, change them in `benchmarks/costs.py`, and run it again.

$prices

A second of sound is $tokens tokens. The caller speaks for $caller s, the agent for $agent s,
with $silence s between; instructions and tools are $instructions tokens. Calls that come one by
one each leave an instance of stream_handler billed for $idle minutes more; where calls overlap, it
carries $at_once on average. A call writes $writes documents a minute, and is $requests requests to
functions of $request_s s each.

What your own calls cost is in their records: `ringdown calls show`, and `cost_usd` on the
dashboard.
""")


def page() -> str:
    """docs/costs.md."""
    talk = Talk()
    return _PAGE.substitute(
        trigger=f"{COMPRESS_AT_TOKENS:,}",
        target=f"{COMPRESS_TO_TOKENS:,}",
        calls="\n".join(_calls()),
        limits="\n".join(_limits()),
        minutes=f"{CALL_MIN:.0f}",
        months="\n".join(_months()),
        always=f"{MONTH_MIN * 60 * (RUN_CPU.usd + RUN_MEMORY.usd):.0f}",
        prices="\n".join(_prices()),
        tokens=f"{TOKENS_PER_S:.0f}",
        caller=f"{talk.caller_s:.0f}",
        agent=f"{talk.agent_s:.0f}",
        silence=f"{talk.silence_s:.0f}",
        instructions=f"{INSTRUCTIONS_TOKENS:,}",
        at_once=f"{CALLS_AT_ONCE:.0f}",
        writes=f"{WRITES_PER_MINUTE:.0f}",
        idle=f"{IDLE_MIN:.0f}",
        requests=f"{REQUESTS_PER_CALL:.0f}",
        request_s=f"{REQUEST_S:.1f}",
    )


def _calls() -> Iterator[str]:
    yield "| length | tokens in | tokens out | model, USD | a minute | without compression |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: |"
    for minutes in (2, 10, 30):
        tokens_in, tokens_out = tokens_of_call(minutes * 60.0)
        usd = model_usd(minutes * 60.0)
        without = model_usd(minutes * 60.0, compressed=False)
        tokens = f"| {minutes} min | {tokens_in:,} | {tokens_out:,} |"
        yield f"{tokens} {usd:.2f} | {usd / minutes:.3f} | {without:.2f} |"


def _limits() -> Iterator[str]:
    yield "| `max_cost_usd` | ends after | model, USD | without compression, it ends after |"
    yield "| ---: | ---: | ---: | ---: |"
    for limit in (0.5, 1.0, 2.0, 5.0, 20.0):
        minutes, usd = call_under_limit(limit)
        sooner, _ = call_under_limit(limit, compressed=False)
        yield f"| {limit:.2f} | {minutes:.1f} min | {usd:.2f} | {sooner:.1f} min |"


def _months() -> Iterator[str]:
    yield "| minutes | " + " | ".join(month_usd(0)) + " | together, USD |"
    yield "| ---: |" + " ---: |" * (len(month_usd(0)) + 1)
    for minutes in (0, 1_000, 100_000):
        bill = month_usd(minutes)
        cells = " | ".join(f"{usd:,.2f}" for usd in bill.values())
        yield f"| {minutes:,} | {cells} | **{sum(bill.values()):,.2f}** |"


def _prices() -> Iterator[str]:
    yield "| what | USD | per | source |"
    yield "| --- | ---: | --- | --- |"
    yield "| Gemini Live, audio in | 3.00 | million tokens | third parties (`ringdown/prices.py`) |"
    yield "| Gemini Live, audio out | 12.00 | million tokens | the same |"
    for price in PRICES:
        usd = f"{price.usd:.9f}".rstrip("0")
        yield f"| {price.what} | {usd} | {price.per} | {price.source} |"


def main() -> int:
    (Path(__file__).parents[1] / "docs" / "costs.md").write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
