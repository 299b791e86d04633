"""docs/capacity.md: the fixed words around the figures. Pure."""

import enum
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.day import Day

PAGE = "capacity.md"


class Section(enum.Enum):
    """A table of the page."""

    MEASURED = enum.auto()
    SIZES = enum.auto()
    MONEY = enum.auto()
    DAY = enum.auto()


_HEAD = """\
# Capacity

*This page is written by `python -m benchmarks.capacity` from what `make bench` measured.*

What a line for so many calls at once needs, where it meets the limits of others, and what it
costs. Nothing here has been tried in Google's or Twilio's network: a vCPU of Cloud Run is taken
to be what the measured core is, and the limits are those of the pages named. To see your own:
`ringdown doctor`, the dashboard that Terraform makes, and IAM & Admin → Quotas.

## What one core carries
"""

_SIZES = """\
## 10, 1,000 and 10,000 calls at once

Cloud Run adds instances so that neither processor nor `calls_per_instance` is used by more than
60 % ([its autoscaling](https://docs.cloud.google.com/run/docs/about-instance-autoscaling)). It is
the calls and not the processor that decide here. That is meant: when an instance fails its calls
must be taken up again all at once, so {default} are better than {big} as long as instances are
this cheap.
"""

_DEFAULTS = """\
**Terraform's defaults**: `calls_per_instance = {default}`, `max_instances = {most}`,
`min_instances = {least}`, one vCPU and 1 GiB: {most_calls} calls at once at most, and up to
{usual} before Cloud Run would like more instances. Beyond {most_calls} at once Cloud
Run has no room: the stream does not open, is tried three times in a minute, and then the caller
hears an apology and goes to the fallback number. With `calls_at_once: {most_calls}` in
`settings/limits` ([operations.md](operations.md)) they hear at once that all lines are busy. Costs
end there as well. For more, set what the table says.
"""

_LIMITS = """\
## Where others set limits

{limits}

At 10,000 calls the model is the limit: several projects or a quota that Google grants. Calls that
get no session hear ringing for 8 s, then the apology, and are sent to the fallback number.
"""

_MONEY = """\
## What it costs

With the prices of [costs.md](costs.md), calls of three minutes, and all of it busy for an hour.
The model is nearly all of it; an instance more or less is not worth a thought. What one call may
cost at most is bounded by context compression and by the agent's `max_cost_usd`:
[costs.md](costs.md#what-bounds-a-call) shows long calls.
"""

_DAY = """\
## A day, simulated

The defaults under a shop's line: {busiest:.0f} calls at once in the busiest hour on average,
three minutes each on average (a few last an hour), as chance has it. An
instance takes {start_s:.1f} s to start: the handler's own start as measured, and 2 s for the
platform, which is assumed. At eleven an instance dies.
"""

_DAY_MEANS = """\
![Calls at once over a day, and the room in the instances](capacity/day.svg)

Who waits for an instance hears the notice meanwhile, which takes about 4 s. Cloud Run may end an
idle instance sooner than after 15 minutes, which is taken here: then it is cheaper, and more
callers meet a start. `min_instances = 1` keeps the first of them from it.
"""


_LIMITS_OF_OTHERS = (
    (
        "Twilio, calls at once",
        (
            "trial 5; upgraded since February 2026 without an approved profile 2, with an"
            " individual one 3, with a business one none"
        ),
        "have a business profile approved",
        "[how fast](https://support.twilio.com/hc/en-us/articles/223180028)",
    ),
    (
        "Twilio, new calls",
        "incoming: none; outgoing: one a second",
        "raise it in the console",
        "the same",
    ),
    (
        "Gemini API (key), sessions",
        "differ by tier; none is documented for Live",
        "see AI Studio → Usage and limits",
        "[rate limits](https://ai.google.dev/gemini-api/docs/rate-limits)",
    ),
    (
        "Vertex AI, sessions",
        (
            "1,000 at once in a project; a user reports a quota of 5,000 in a region for"
            " `gemini-live-2.5-flash`"
        ),
        "IAM & Admin → Quotas, `Bidi generate content concurrent requests`",
        "Google on the Live API; [forum](https://discuss.ai.google.dev/t/174664), unconfirmed",
    ),
    (
        "Cloud Run, instances",
        "100 in a service unless it says more; a region has quotas of processors",
        "`max_instances`; ask for more",
        "[maximum](https://docs.cloud.google.com/run/docs/configuring/max-instances)",
    ),
    (
        "Firestore, writes",
        (
            "500 a second in a new collection, and half more every 5 minutes; one a second to a"
            " document"
        ),
        "let traffic grow, as a line does by itself; a call is written once a second at most",
        "[best practices](https://firebase.google.com/docs/firestore/best-practices)",
    ),
    (
        "the webhook",
        "10 instances of 8 requests each",
        (
            "that is enough at milliseconds each; raise `max_instance_count` in"
            " `terraform/incoming_call.tf` where it is not"
        ),
        "this repository",
    ),
)


def page(
    tables: Mapping[Section, str],
    *,
    busiest: float,
    start_s: float,
    defaults: tuple[int, int, int],
    big: int,
) -> str:
    """Markdown; `defaults` are those of Terraform: calls per instance, most and least instances."""
    per_instance, most, least = defaults
    parts = (
        _HEAD,
        tables[Section.MEASURED],
        _SIZES.format(default=per_instance, big=big),
        tables[Section.SIZES],
        _DEFAULTS.format(
            default=per_instance,
            most=most,
            least=least,
            most_calls=per_instance * most,
            usual=per_instance * most * 6 // 10,
        ),
        _LIMITS.format(
            limits=table(("whose", "limit", "what to do", "source"), _LIMITS_OF_OTHERS, words=True)
        ),
        _MONEY,
        tables[Section.MONEY],
        _DAY.format(busiest=busiest, start_s=start_s),
        tables[Section.DAY],
        _DAY_MEANS,
    )
    return "\n\n".join(part.strip() for part in parts) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, words: bool = False) -> str:
    """The first column has words, the others have figures, or `words` as well."""
    rules = ["---", *("---" if words else "---:" for _ in columns[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, rules, *rows))


def day_table(day: Day) -> str:
    longest_s = max(day.waited_s, default=0.0)
    waited = f"{len(day.waited_s)}" + (f", at most {longest_s:.1f} s" if day.waited_s else "")
    rows = (
        ("calls", f"{day.calls:,}"),
        ("most at once", f"{day.most_calls}"),
        ("most instances", f"{day.most_instances}"),
        ("instances started", f"{day.started}"),
        ("callers who waited for an instance", waited),
        ("callers for whom there was no room", f"{day.turned_away}"),
        ("calls handed over at 58 minutes", f"{day.handed_over}"),
        ("calls taken up after the crash", f"{day.taken_up}"),
        ("hours of instances billed", f"{day.instance_s / 3600:.1f}"),
    )
    return table(("in the day", "figure"), rows)
