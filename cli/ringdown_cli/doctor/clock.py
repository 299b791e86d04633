"""Do the clocks agree? Google's tokens and signatures are only valid for minutes."""

import time
from collections.abc import Mapping

from ringdown.wording import listed
from ringdown_cli.doctor.asking import Means, Unreachable, get
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.handler import ready_url
from ringdown_cli.doctor.verdicts import Verdict, good, untried, wrong

MOST_APART_S = 30.0
"""Google refuses credentials from clocks that are minutes off; a stream's token is valid for
90 s."""


async def check_clock(deployment: Deployment, means: Means) -> Verdict:
    urls = {
        "the webhook": deployment.webhook_url,
        "the handler": deployment.stream_url and ready_url(deployment.stream_url),
    }
    apart_s: dict[str, float] = {}
    for name, url in urls.items():
        if url is None:
            continue
        try:
            answer = await get(means, url)
        except Unreachable:
            continue
        if answer.date_s is not None:
            apart_s[name] = time.time() - answer.date_s
    return judge_clock(apart_s)


def judge_clock(apart_s: Mapping[str, float]) -> Verdict:
    """`apart_s`: how far this machine's clock is ahead of each of the others."""
    if not apart_s:
        return untried("no other clock answered")
    name, most_s = max(apart_s.items(), key=lambda item: abs(item[1]))
    if abs(most_s) <= MOST_APART_S:
        return good(f"{listed(('this machine', *apart_s), 'and')} agree")
    way = "ahead of" if most_s > 0 else "behind"
    return wrong(
        f"this machine's clock is {abs(most_s):.0f} s {way} {name}",
        "Set this machine's clock (Linux: sudo timedatectl set-ntp true), then try again. Google"
        " refuses credentials from a clock that is minutes off.",
    )
