"""The pages for home, calls, numbers, callers and costs: what they show and do."""

import datetime
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringdown.calls import EndReason
from ringdown.calls.limits import LineLimits
from ringdown.stores import Store, open_store
from tests.console.site import Site, running_site
from tests.console.stored import (
    BLOCKED,
    NOW,
    SHOP,
    SHOP_NUMBER,
    furnish,
    save_agent,
    save_call,
    sid,
)
from tests.ringdown.samples import CALLED, CALLER
from tests.ringdown.stores.each_store import store, store_url

__all__ = ["store", "store_url"]
OTHER = "+14155550188"


@pytest.fixture
async def anywhere(store: Store) -> AsyncIterator[Site]:
    """The same line in each kind of store."""
    await furnish(store)
    async with running_site(store) as site:
        yield site


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/", "21 today"),
        ("/calls", "the model was lost"),
        (f"/calls/{sid(1)}", "When is my delivery?"),
        ("/calls?failed=any", "the model was lost"),
        ("/calls?live=yes", "live"),
        ("/calls?agent=shop", "agent hung up"),
        ("/calls?outcome=no", "No success"),
        ("/calls/outcomes", "Fri 27 Nov"),
        ("/calls/outcomes?by=agent", "default"),
        ("/agents", "shop"),
        ("/agents/shop", "Hello, the flower shop."),
        ("/agents/shop/draft", "Puck"),
        ("/agents/shop/history", "anna@example.com"),
        ("/numbers", SHOP_NUMBER),
        ("/callers", BLOCKED),
        ("/costs", "29 calls"),
        ("/costs?by=agent", "shop"),
        ("/costs?by=number", SHOP_NUMBER),
    ],
)
async def test_every_page_shows_what_is_in_either_store(
    anywhere: Site, path: str, says: str
) -> None:
    assert says in await anywhere.page(path)


# Home


async def test_home_says_that_all_is_well(site: Site) -> None:
    async with running_site(site.store, now=NOW + datetime.timedelta(days=2)) as later:
        page = await later.page("/")

    assert "All is well" in page
    assert "No live calls." in page


async def test_home_says_what_needs_somebody_and_where(site: Site) -> None:
    await save_agent(site.store, {**SHOP, "voice": "Korr"})
    await site.store.write_number(OTHER, "nobody")
    await site.store.write_limits(LineLimits(calls_at_once=1))
    page = await site.page("/")

    assert "6 things need you" in page
    assert 'href="/agents/shop"' in page
    assert 'href="/numbers"' in page
    assert 'href="/costs"' in page
    assert 'href="/calls?failed=model_lost"' in page
    assert 'href="/calls?outcome=problem"' in page
    assert "Open until 17:30." in page


async def test_home_says_which_webhook_lost_messages_and_no_secret_of_its_url(site: Site) -> None:
    page, call = await site.page("/"), await site.page(f"/calls/{sid(1)}")

    assert "Webhook orders.example" in page
    assert "1 message about calls never arrived in the last 24 hours" in page
    assert f'href="/calls/{sid(1)}"' in page
    assert "The webhook call.ended never reached orders.example. It answered with HTTP 500." in call
    assert "b1946ac92492d234" not in page + call


# Calls


async def search(site: Site, text: str) -> str:
    return str((await site.post("/calls/search", {"text": text})).headers["location"])


async def test_a_call_is_found_by_number_by_its_end_and_by_its_sid(site: Site) -> None:
    await save_call(site.store, 77, caller=OTHER)

    assert await search(site, OTHER) == f"/calls?like={sid(77)}"
    assert await search(site, "+1 415 555 0188") == f"/calls?like={sid(77)}"
    assert await search(site, "…0188") == f"/calls?like={sid(77)}"
    assert await search(site, sid(77)) == f"/calls/{sid(77)}"
    assert await search(site, "0999") == "/calls?nothing=found"
    assert await search(site, "roses") == "/calls?nothing=found"
    assert "No calls found" in await site.page("/calls?nothing=found")


async def test_the_calls_of_one_caller(site: Site) -> None:
    await save_call(site.store, 77, caller=OTHER)
    page = await site.page(f"/calls?like={sid(77)}")

    assert "…0188" in page
    assert "…0123" not in page


async def test_older_calls_are_on_the_next_page(site: Site) -> None:
    for n in range(100, 160):
        await save_call(site.store, n, ago=datetime.timedelta(days=9, minutes=n))
    first = await site.page("/calls")
    link = first.partition('<a href="/calls?before=')[2].partition('"')[0]
    second = await site.page(f"/calls?before={link.replace('&amp;', '&')}")

    shown = [n for n in (*range(29), *range(100, 160)) if sid(n) in first]
    older = [n for n in (*range(29), *range(100, 160)) if sid(n) in second]
    assert len(shown) == 49  # plus the live one
    assert sorted([*shown, *older]) == [*range(28), *range(100, 160)]


async def test_a_day_of_calls(site: Site) -> None:
    page = await site.page("/calls?day=2026-11-25")

    assert page.count("agent hung up") == 1


@pytest.mark.parametrize(
    "query", ["day=nonsense", "before=yesterday", "failed=nonsense", "agent=nobody", "like=", "x=y"]
)
async def test_a_query_that_makes_no_sense_is_no_error(site: Site, query: str) -> None:
    await site.page(f"/calls?{query}")


async def test_calls_by_what_came_of_them(site: Site) -> None:
    async def listed(query: str) -> list[str]:
        return re.findall(r'href="/calls/(CA\w+)"', await site.page(f"/calls?{query}"))

    assert await listed("outcome=problem") == [sid(7)]
    assert await listed("outcome=no&day=2026-11-27") == [sid(4), sid(16)]
    assert len(await listed("outcome=any")) == 9
    assert await listed("outcome=yes&day=2026-11-01") == []


async def test_the_list_says_what_came_of_calls_once_an_agent_asks(site: Site) -> None:
    assert "Outcome" not in await site.page("/calls")

    after_call = {"success": "The caller knows when the delivery arrives."}
    await save_agent(site.store, {**SHOP, "after_call": after_call})
    page = await site.page("/calls")

    assert '<th scope="col">Outcome</th>' in page
    assert "<td>Not determined</td>" in page
    assert 'href="/calls?outcome=unclear"' in page
    assert 'href="/calls/outcomes"' in page


async def test_outcomes_are_counted_by_day_and_by_agent(site: Site) -> None:
    by_day, by_agent = (
        await site.page("/calls/outcomes"),
        await site.page("/calls/outcomes?by=agent"),
    )

    assert rows_of(by_day)[:2] == [
        ["Day", "Calls", "Success", "No success", "Unclear", "Not determined"],
        ["Fri 27 Nov", "7", "3", "2", "1", "1"],
    ]
    assert 'href="/calls?day=2026-11-27&amp;outcome=no"' in by_day
    assert rows_of(by_agent)[1:] == [["default", "9", "5", "2", "1", "1"]]


async def test_a_line_whose_agents_ask_nothing_has_no_outcomes(tmp_path: Path) -> None:
    async with open_store(f"sqlite:{tmp_path / 'empty.db'}") as store, running_site(store) as site:
        assert "No call has an outcome yet." in await site.page("/calls/outcomes")


def rows_of(page: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[re.sub("<[^>]*>", "", cell) for cell in row] for row in cells]


async def test_a_call_that_is_gone(site: Site) -> None:
    response = await site.get("/calls/CA0")

    assert response.status_code == 404
    assert "Records are kept for 30 days" in response.text


async def test_who_read_a_call_is_logged_and_what_was_said_is_not(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    await site.page(f"/calls/{sid(1)}")
    (line,) = [record for record in caplog.records if record.message == "call read"]

    assert vars(line)["ringdown_fields"] == {"by": "anna"}
    assert "delivery" not in caplog.text


# Numbers and hours


async def asked(site: Site, agent_id: str, at: str) -> str:
    page = await site.page(f"/numbers?agent={agent_id}&at={at}")
    return page.partition('<ol class="steps">')[2].partition("</ol>")[0]


async def test_what_happens_on_sunday_at_eight(site: Site) -> None:
    told = await asked(site, "shop", "2026-11-29T20:00")

    assert "Sunday 29 November 2026, 20:00 in Europe/Berlin: the line is closed" in told
    assert "opens on Monday at 09:00" in told
    assert "We are closed at the moment" in told
    assert "Then the call ends." in told


async def test_what_happens_while_it_is_open(site: Site) -> None:
    told = await asked(site, "shop", "2026-11-27T10:00")

    assert "the line is open and closes on Friday at 17:30" in told
    assert "The caller hears the notice" in told
    assert "shop answers: “Hello, the flower shop.”" in told


async def test_what_happens_with_a_fallback_number(site: Site) -> None:
    hours = {"monday": "09:00-17:00", "outside": "fallback_number"}
    await save_agent(
        site.store, {**SHOP, "opening_hours": hours, "fallback_number": "+14155550144"}
    )
    told = await asked(site, "shop", "2026-11-29T20:00")

    assert "Then …0144 is dialled." in told


async def test_what_happens_when_the_agent_answers_all_the_same(site: Site) -> None:
    hours = {"monday": "09:00-17:00", "outside": "answer"}
    await save_agent(site.store, {**SHOP, "opening_hours": hours})
    told = await asked(site, "shop", "2026-11-29T20:00")

    assert "The agent also answers outside its hours." in told
    assert "Hello, the flower shop." in told


async def test_a_broken_agent_says_what_answers_instead(site: Site) -> None:
    await save_agent(site.store, {**SHOP, "voice": "Korr"})
    told = await asked(site, "shop", "2026-11-27T10:00")

    assert "This is an earlier version" in told


@pytest.mark.parametrize("at", ["nonsense", "0001-01-01T00:00", "9999-12-31T23:59", ""])
async def test_a_time_that_is_none_is_no_error(site: Site, at: str) -> None:
    assert await asked(site, "shop", at) == ""


async def test_a_number_gets_an_agent_and_loses_it(site: Site) -> None:
    await site.post("/numbers", {"number": "+1 415 555 0188", "agent": "shop"})
    assert (await site.store.read_line(OTHER)).agent_id == "shop"

    await site.post("/numbers/unset", {"number": OTHER})
    assert (await site.store.read_line(OTHER)).agent_id == "default"


@pytest.mark.parametrize(
    ("number", "agent", "says"),
    [
        ("4155550188", "shop", "Did you mean +14155550188?"),
        ("hello", "shop", "a phone number with a country code"),
        (OTHER, "nobody", "Agent nobody doesn"),
    ],
)
async def test_a_number_that_cannot_be(site: Site, number: str, agent: str, says: str) -> None:
    response = await site.post("/numbers", {"number": number, "agent": agent})

    assert response.status_code == 422
    assert says in response.text


async def test_a_store_that_is_away_says_so(tmp_path: Path) -> None:
    (tmp_path / "ringdown.db").mkdir()
    async with (
        open_store(f"sqlite:{tmp_path / 'ringdown.db'}") as store,
        running_site(store) as site,
    ):
        answers = [await site.get(path) for path in ("/", "/calls", "/costs", "/agents")]

    assert [answer.status_code for answer in answers] == [503] * 4
    assert all("Nothing was changed unless a page said so" in answer.text for answer in answers)


# Callers


async def test_a_caller_is_blocked_and_unblocked_by_number(site: Site) -> None:
    await site.post("/callers/block", {"number": "+1 415-555-0188"})
    assert (await site.store.read_caller(OTHER)).blocked

    await site.post("/callers/unblock", {"number": OTHER})
    assert not (await site.store.read_caller(OTHER)).blocked


async def test_a_caller_is_blocked_by_one_of_their_calls(site: Site) -> None:
    response = await site.post("/callers/block", {"call": sid(1)})

    assert response.headers["location"] == "/callers?said=blocked"
    assert (await site.store.read_caller(CALLER)).blocked


@pytest.mark.parametrize("number", ["…0123", "0123", "", "4155550123"])
async def test_the_end_of_a_number_blocks_nobody(site: Site, number: str) -> None:
    response = await site.post("/callers/block", {"number": number})

    assert response.status_code == 422
    assert (await site.store.blocked_callers()).callers == (BLOCKED,)


async def test_forgetting_is_asked_for_twice_and_leaves_a_receipt(site: Site) -> None:
    asked = await site.post("/callers/forget", {"call": sid(1)})
    assert "be undone" in asked.text
    assert await site.store.read_call(sid(1)) is not None

    done = await site.post("/callers/forget", {"number": CALLER, "sure": "yes"})

    assert "Deleted: 29 calls" in done.text
    assert "The caller is still in a call, which will be stored again" in done.text
    assert "Twilio" in done.text
    assert await site.store.read_call(sid(1)) is None


async def test_who_is_blocked_stays_so_when_forgotten(site: Site) -> None:
    done = await site.post("/callers/forget", {"number": BLOCKED, "sure": "yes"})
    page = await site.page("/callers")

    assert "stays blocked" in done.text
    assert "1 more caller is blocked and forgotten" in page
    assert BLOCKED not in page


# Costs and limits


async def test_costs_by_day_agent_and_number(site: Site) -> None:
    page = await site.page("/costs")

    assert "$0.56 in 30 days, for 29 calls" in page
    assert "this month" in page
    assert 'href="/calls?day=2026-11-27">Fri 27 Nov</a>' in page
    assert CALLED in await site.page("/costs?by=number")
    assert "shop" in await site.page("/costs?by=agent")


async def test_limits_are_changed_and_taken_away(site: Site) -> None:
    fields = {
        "calls_per_caller_per_hour": "5",
        "calls_at_once": "10",
        "calls_per_hour": "",
        "minutes_per_day": "90.5",
        "usd_per_day": "12.50",
    }
    await site.post("/costs/limits", fields)

    assert await site.store.read_limits() == LineLimits(
        calls_per_caller_per_hour=5,
        calls_at_once=10,
        calls_per_hour=None,
        minutes_per_day=90.5,
        usd_per_day=12.5,
    )


@pytest.mark.parametrize("value", ["0", "-1", "many", "nan", "inf", "1e9", "1.5"])
async def test_a_limit_that_cannot_be_changes_nothing(site: Site, value: str) -> None:
    response = await site.post("/costs/limits", {"calls_at_once": value})

    assert response.status_code == 422
    assert "Simultaneous calls" in response.text
    assert await site.store.read_limits() == LineLimits()


async def test_a_call_that_reached_a_person_is_counted(site: Site) -> None:
    await save_call(site.store, 78, reason=EndReason.TRANSFERRED)

    assert "1 caller reached a person" in await site.page("/")
