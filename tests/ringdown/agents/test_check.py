"""What the check reports about an operator's agent."""

import cProfile
import datetime

import pytest
import yaml
from hypothesis import given, strategies as st

from ringdown.agents import Agent
from ringdown.agents.check import agent_document, check_agent, draft_findings, findings
from ringdown.tools import ASK_FOR_PHOTO, DeclaredTool, Json

GOOD: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Hello."}
TOOLS = dict.fromkeys(("lookup_account", "search_knowledge_base"), DeclaredTool())
CUSTOMERS = {"known_customer": DeclaredTool(before_call=True)}
A_DRAFT: dict[str, Json] = GOOD | {"testers": ["+14155550123"]}
A_MEGABYTE = "x" * 1_048_576
OLDER = "gemini-live-2.5-flash-native-audio"


def problem_of(change: dict[str, Json]) -> str:
    """The only problem reported for an agent with this change."""
    problems = check_agent(GOOD | change, TOOLS)
    assert isinstance(problems, list), f"nothing was reported for {change}"
    [problem] = problems
    return problem


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"instructions": ""},
            "instructions: must be text of 1 to 20,000 characters; it is empty.",
        ),
        (
            {"instructions": A_MEGABYTE},
            "instructions: must be text of 1 to 20,000 characters; it has 1,048,576.",
        ),
        (
            {"instructions": " \n "},
            "instructions: contains only spaces. Write what the agent should say or do.",
        ),
        ({"greeting": None}, "greeting: is missing. It must be text of 1 to 500 characters."),
        (
            {"greeting": 7},
            (
                "greeting: must be text of 1 to 500 characters; it is the number 7."
                " Put it in quotes (in the console: type string)."
            ),
        ),
        ({"notice": "x" * 301}, "notice: must be text of at most 300 characters; it has 301."),
        (
            {"notice": "\ud800"},
            "notice: contains invalid characters. Type it again.",
        ),
        (
            {"temperature": 2.5},
            "temperature: must be a number from 0 to 2; it is 2.5.",
        ),
        ({"temperature": float("nan")}, "temperature: must be a number from 0 to 2; it is nan."),
        (
            {"max_call_s": "1800"},
            (
                'max_call_s: must be a whole number from 30 to 3,540; it is the text "1800".'
                " Write it without quotes (in the console: type number)."
            ),
        ),
        (
            {"max_call_s": 1800.5},
            "max_call_s: must be a whole number from 30 to 3,540; it is 1800.5.",
        ),
        (
            {"max_cost_usd": 0},
            "max_cost_usd: must be a number above 0 up to 1,000; it is 0.",
        ),
        (
            {"protect_greeting": "true"},
            (
                'protect_greeting: must be true or false; it is the text "true".'
                " Write it without quotes (in the console: type boolean)."
            ),
        ),
        (
            {"tools": "lookup_account"},
            (
                'tools: must be a list of at most 64 entries; it is the text "lookup_account".'
                " In the console, its type is array."
            ),
        ),
        (
            {"turn_taking": {"patience": "patent"}},
            (
                'turn_taking.patience: must be normal, patient or quick; it is "patent".'
                " Did you mean patient?"
            ),
        ),
        (
            {"idle": {"nudge_after_s": 40}},
            "idle: goodbye_after_s (30) must be longer than nudge_after_s (40).",
        ),
        (
            {"idle": []},
            (
                "idle: must be a map of nudge_after_s, goodbye_after_s and background_after_s;"
                " it is a list. In the console, its type is map."
            ),
        ),
        (
            {"language": "en_us"},
            (
                "language: must be a language and, after a hyphen, its country: en-US, de-DE,"
                " pt-BR;"
                ' it is "en_us". Did you mean en-US?'
            ),
        ),
        (
            {"fallback_number": "+1 (415) 555-0100"},
            (
                "fallback_number: must be written like +14155550100: plus, country code, digits"
                " only;"
                ' it is "+1 (415) 555-0100". Did you mean +14155550100?'
            ),
        ),
        (
            {"fallback_number": "0415 555"},
            (
                "fallback_number: must be written like +14155550100: plus, country code, digits"
                " only;"
                ' it is "0415 555".'
            ),
        ),
        (
            yaml.safe_load("fallback_number: +14155550100"),
            (
                "fallback_number: must be written like +14155550100: plus, country code, digits"
                " only;"
                " it is the number 14155550100. Put it in quotes (in the console: type string)."
            ),
        ),
        (
            {"transfer_numbers": {"Front Desk": "+14155550111"}},
            (
                "transfer_numbers: must be a lowercase name, such as billing or front_desk;"
                ' it is "Front Desk".'
            ),
        ),
        (
            {"transfer_numbers": {f"person_{n}": "+14155550111" for n in range(101)}},
            "transfer_numbers: must be a map of at most 100 names; it has 101.",
        ),
        (
            {"transfer_numbers": ["+14155550111"]},
            (
                "transfer_numbers: must be a map of at most 100 names; it is a list."
                " In the console, its type is map."
            ),
        ),
        (
            {"transfer_numbers": {"billing": "555"}},
            (
                "transfer_numbers.billing: must be written like +14155550100 (plus, country code,"
                ' digits only), sip:desk@example.com or client:alex; it is "555".'
            ),
        ),
        (
            {"examples": [{"caller": "Are you open?", "answer_contains": []}]},
            "examples[0].answer_contains: must be a list of 1 to 20 entries; it has 0.",
        ),
        (
            {"tools": ["lookup_account"] * 2},
            'tools: "lookup_account" is listed twice. List it once.',
        ),
        (
            {"thinking": "low"},
            (
                "thinking: gemini-3.8-live doesn't support it. Remove it, or choose"
                " gemini-3.8-live-extended-thinking."
            ),
        ),
        (
            {"model": "gemini-3.8"},
            (
                'model: there is no model "gemini-3.8". Did you mean gemini-3.8-live? Models:'
                " gemini-3.8-live, gemini-3.8-live-extended-thinking,"
                " gemini-live-2.5-flash-native-audio."
            ),
        ),
        (
            {"model": "gemini-2.5-flash"},
            (
                'model: there is no model "gemini-2.5-flash". Did you mean gemini-3.8-live?'
                " Models: gemini-3.8-live, gemini-3.8-live-extended-thinking,"
                " gemini-live-2.5-flash-native-audio."
            ),
        ),
        (
            {"notice": "It is {local_time}."},
            "notice: {local_time} works only in instructions and greeting. Remove it.",
        ),
        (
            {"greeting": "Again: {caller_memory}"},
            "greeting: {caller_memory} works only in instructions. Remove it.",
        ),
        (
            {"greeting": "Hello, {caller_facts}"},
            "greeting: {caller_facts} works only in instructions. Remove it.",
        ),
        (
            {"before_call": "lookup_account"},
            (
                "before_call: lookup_account isn't allowed before a call. Ask the person who"
                " deploys it to set before_call: true in its tool.yaml and in its document in"
                " tools."
            ),
        ),
        (
            {"before_call": "lookup_acount"},
            (
                'before_call: there is no tool "lookup_acount". Did you mean lookup_account?'
                " Tools: lookup_account, search_knowledge_base."
            ),
        ),
        (
            {"instructions": "Known: {caller_facts}"},
            (
                "instructions: {caller_facts} stays empty without before_call. Set before_call to"
                " a tool that knows the caller."
            ),
        ),
        (
            {"record": True},
            (
                "notice: doesn't say that the call is recorded, but record is true. Write it:"
                ' "I\'m an AI. This call is transcribed. This call is recorded."'
            ),
        ),
        (
            {"record": True, "notice": "Guten Tag.", "language": "de-DE"},
            (
                "notice: doesn't say that the call is recorded, but record is true. Add to it:"
                ' "Das Gespräch wird aufgezeichnet."'
            ),
        ),
        (
            {"record": True, "notice": "", "language": "fi-FI"},
            ("notice: doesn't say that the call is recorded, but record is true. Say so in fi-FI."),
        ),
        (
            {"instructions": "It is {local_time} on {local_date}."},
            (
                "time_zone: is missing but needed for {local_date} in instructions and"
                " {local_time} in"
                " instructions. Write where the agent is, such as Europe/Berlin or"
                " America/New_York."
            ),
        ),
        (
            {"opening_hours": {"monday": "24h"}},
            (
                "time_zone: is missing but needed for opening_hours."
                " Write where the agent is, such as Europe/Berlin or America/New_York."
            ),
        ),
        (
            {"time_zone": "berlin"},
            (
                'time_zone: "berlin" isn\'t a known time zone. Did you mean Europe/Berlin?'
                " Time zones are written like Europe/Berlin, America/New_York or Asia/Kolkata."
            ),
        ),
        (
            {"time_zone": "Europe/Berlin", "opening_hours": {"monday": "9-5"}},
            (
                'opening_hours.monday: must be times such as "09:00-17:30", several with commas,'
                ' "24h",'
                ' or "closed"; it is "9-5".'
            ),
        ),
        (
            {"time_zone": "Europe/Berlin", "opening_hours": {"closed_on": ["02-30"]}},
            "opening_hours: closed_on: 02-30 isn't a valid date.",
        ),
    ],
)
def test_an_operator_is_told_the_field_what_may_be_in_it_and_what_is(
    change: dict[str, Json], told: str
) -> None:
    assert problem_of(change) == told


def test_a_tool_that_is_allowed_may_be_called_before_a_call() -> None:
    agent = GOOD | {"before_call": "known_customer", "instructions": "Known: {caller_facts}"}
    assert not isinstance(check_agent(agent, TOOLS | CUSTOMERS), list)


def test_an_unknown_voice_is_answered_with_the_voices() -> None:
    told = problem_of({"voice": "Korr"})
    assert told.startswith('voice: there is no voice "Korr". Did you mean Kore? Voices: Achernar, ')
    assert told.endswith(", Zubenelgenubi.")


def test_an_unknown_field_of_a_template_is_answered_with_the_fields() -> None:
    told = problem_of({"instructions": "It is {local_tme}, {} {of course}."})
    assert told.startswith(
        'instructions: "{local_tme}", "{}" and "{of course}" aren\'t fields. Did you mean'
        " {local_time}? Fields: {local_time}, {local_date}, "
    )
    assert told.endswith(" For a literal brace, write {{ or }}.")


@pytest.mark.parametrize("zone", ["America", "", "../etc", "/etc/passwd", "x" * 64, "a\0b"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    assert problem_of({"time_zone": zone}).startswith("time_zone: ")


def test_everything_is_told_at_once() -> None:
    wrong: dict[str, Json] = {
        "instructions": "{wrong}",
        "greeting": 5,
        "voice": "Korr",
        "temperature": "warm",
        "idle": {"nudge_after_s": 1, "goodbye_after_s": 1},
        "time_zone": 7,
        "fallback_number": "110",
    }
    fields = {error.partition(":")[0] for error in findings(wrong).errors}
    assert fields == {
        *("instructions", "greeting", "voice", "temperature", "time_zone", "fallback_number"),
        *("idle.nudge_after_s", "idle.goodbye_after_s"),
    }


# Mistakes in documents that can still answer calls


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"voise": "Puck"}, "voise: unknown field. Did you mean voice?"),
        ({"idle": {"nudge_s": 5}}, "idle.nudge_s: unknown field. Did you mean"),
        ({"publish": True}, "publish: unknown field."),
        (
            {"tools": ["lookup_acount"]},
            (
                'tools: there is no tool "lookup_acount". Did you mean lookup_account?'
                " Tools: lookup_account, search_knowledge_base."
            ),
        ),
    ],
)
def test_a_misspelt_setting_is_told_and_the_rest_is_used(
    change: dict[str, Json], told: str
) -> None:
    found = findings(GOOD | change, TOOLS)
    assert found.agent is not None
    assert found.errors == ()
    [remark] = found.remarks
    assert remark.startswith(told)
    assert check_agent(GOOD | change, TOOLS) == [remark], "editors must see it, too"


def test_a_tool_that_cannot_be_used_is_told_and_keeps_no_call_from_being_answered() -> None:
    tools = {"check_stock": DeclaredTool("tools/check_stock: url must begin with https://.")}
    found = findings(GOOD | {"tools": ["check_stock"]}, tools)
    assert found.agent is not None
    [remark] = found.remarks
    told = "tools/check_stock: url must begin with https://."
    assert remark == f'tools: "check_stock" can\'t be used. Correct {told}'


def test_a_retired_model_is_told_with_the_one_that_speaks_instead() -> None:
    found = findings(GOOD | {"model": "gemini-3.1-flash-live-preview"}, TOOLS)
    assert found.agent is not None
    [remark] = found.remarks
    assert remark == (
        "model: gemini-3.1-flash-live-preview was retired on 2026-11-17, so gemini-3.8-live is"
        " used instead. Write gemini-3.8-live."
    )


def test_a_model_that_will_be_retired_is_told() -> None:
    found = findings(GOOD | {"model": OLDER}, TOOLS)
    assert found.agent is not None
    assert found.remarks == (
        f"model: {OLDER} will be retired on 2026-12-13. Write gemini-3.8-live.",
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"google_search": True, "model": OLDER},
            (
                f"google_search: {OLDER} can't combine searching with tools."
                " Set it to false, or choose gemini-3.8-live or gemini-3.8-live-extended-thinking."
            ),
        ),
        (
            {"thinking": "low", "model": "gemini-3.1-flash-live-preview"},
            (
                "thinking: gemini-3.1-flash-live-preview doesn't support it. Remove it, or choose"
                " gemini-3.8-live-extended-thinking."
            ),
        ),
    ],
)
def test_a_setting_that_an_older_model_does_not_take_is_told(
    change: dict[str, Json], told: str
) -> None:
    assert findings(GOOD | change, TOOLS).errors == (told,)


def test_a_language_without_phrases_is_told_and_a_notice_of_ones_own_suffices() -> None:
    found = findings(GOOD | {"language": "sv-SE"}, TOOLS)
    assert found.agent is not None
    [remark] = found.remarks
    assert remark == (
        "notice: Ringdown has none in sv-SE, so callers hear the English one, in an English voice."
        " Write your own."
    )
    for notice in ("Du talar med en maskin.", ""):
        found = findings(GOOD | {"language": "sv-SE", "notice": notice}, TOOLS)
        assert found.remarks == ()
        [note] = found.notes
        assert note.startswith("language: Ringdown has no fixed sentences in sv-SE.")


@pytest.mark.parametrize("language", ["en-US", "en-ZA", "de-AT", "es-419", "pt-BR", "fr"])
def test_nothing_is_said_of_a_language_with_phrases(language: str) -> None:
    found = findings(GOOD | {"language": language}, TOOLS)
    assert (found.remarks, found.notes) == ((), ())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"temperature": 0.7},
            "temperature: gemini-3.8-live may ignore it: Google deprecated it with Gemini 3.6.",
        ),
        (
            {"languages": ["en-US", "es-US"], "model": OLDER},
            f"languages: {OLDER} doesn't support it, so it has no effect.",
        ),
        (
            {"vocabulary": ["Ringdown"], "model": OLDER},
            f"vocabulary: {OLDER} doesn't support it, so it has no effect.",
        ),
    ],
)
def test_a_setting_that_the_model_ignores_is_worth_a_note(
    change: dict[str, Json], told: str
) -> None:
    found = findings(GOOD | change, TOOLS)
    assert found.agent is not None
    assert found.notes == (told,)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.7, "model": OLDER},
        {"languages": ["en-US", "es-US"], "vocabulary": ["Ringdown"]},
    ],
)
def test_nothing_is_said_of_a_setting_that_the_model_heeds(change: dict[str, Json]) -> None:
    assert findings(GOOD | change, TOOLS).notes == ()


def test_a_tool_that_models_are_told_of_in_a_simpler_form_is_worth_a_note() -> None:
    tools = {"check_stock": DeclaredTool(simplifications=("size as text", "item without pattern"))}
    found = findings(GOOD | {"tools": ["check_stock"]}, tools)
    assert found.remarks == ()
    [note] = found.notes
    assert note == (
        "tools: check_stock: the model gets a simpler form of its parameters: size as text; item"
        " without pattern. Its arguments are still checked against the full schema."
    )
    assert findings(GOOD, tools).notes == (), "the agent doesn't use the tool"


@pytest.mark.parametrize(
    ("fields", "tools", "remark"),
    [
        ({"photos": True}, {ASK_FOR_PHOTO: DeclaredTool()}, None),
        (
            {"photos": True},
            {},
            (
                "photos: the tool ask_for_photo isn't deployed, so the agent can't ask for photos."
                " docs/tools.md says what it needs."
            ),
        ),
        (
            {"photos": True},
            {ASK_FOR_PHOTO: DeclaredTool("tools/ask_for_photo: url must begin with https://.")},
            (
                "photos: ask_for_photo can't be used. Correct tools/ask_for_photo: url must begin"
                " with https://."
            ),
        ),
        (
            {"tools": [ASK_FOR_PHOTO]},
            {ASK_FOR_PHOTO: DeclaredTool()},
            "tools: ask_for_photo comes with photos. Remove it, and set photos: true.",
        ),
        (
            {"keep_photos": True},
            {},
            "keep_photos: has no effect without photos. Set photos: true, or remove it.",
        ),
    ],
)
def test_photos_need_their_tool(
    fields: dict[str, Json], tools: dict[str, DeclaredTool], remark: str | None
) -> None:
    found = findings(GOOD | fields, tools)
    assert found.agent is not None
    assert found.remarks == (() if remark is None else (remark,))


def test_where_tools_are_not_known_nothing_is_said_of_them() -> None:
    assert isinstance(check_agent(GOOD | {"tools": ["anything"]}), Agent)


# Values as different editors write them


def test_what_the_console_and_yaml_make_of_values_is_understood() -> None:
    written = yaml.safe_load(
        """
        instructions: Be brief.
        greeting: Hello.
        voice:
        max_call_s: 600.0
        idle: {nudge_after_s: 5, goodbye_after_s: 20}
        temperature: 1
        time_zone: Europe/Berlin
        opening_hours: {monday: 24h, closed_on: [2026-12-25, "01-01"]}
        """
    )
    agent = check_agent(written)
    assert isinstance(agent, Agent), agent
    assert (agent.max_call_s, agent.voice, agent.temperature) == (600, "Kore", 1.0)
    assert agent.opening_hours is not None
    assert agent.opening_hours.closed_on == ("2026-12-25", "01-01")


@pytest.mark.parametrize(
    "document",
    [None, [], "text", 7, {}, {1: 2}, {"": {}}, {"greeting": GOOD}, {"tools": datetime.date.max}],
)
def test_what_is_no_agent_at_all_is_refused(document: Json) -> None:
    assert isinstance(check_agent(document), list)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*Agent.__struct_fields__, "other"]), anything))
def test_whatever_is_in_a_document_it_is_checked_and_not_stumbled_over(
    change: dict[str, Json],
) -> None:
    found = findings(GOOD | change, TOOLS)
    assert (found.agent is None) == bool(found.errors)


@pytest.mark.parametrize(
    "document",
    [
        {f"field {n}": "x" for n in range(40_000)},
        {"examples": [7] * 200_000},
        {"transfer_numbers": {f"Person {n}": n for n in range(40_000)}},
        {"instructions": "{" * A_MEGABYTE.__len__()},
        {"tools": ["lookup_account"] * 200_000},
    ],
    ids=["unknown fields", "list", "map", "template", "tools"],
)
def test_a_megabyte_of_nonsense_is_refused_while_a_phone_rings(document: dict[str, Json]) -> None:
    profile = cProfile.Profile()
    found = profile.runcall(findings, GOOD | document, TOOLS)
    calls = sum(entry.callcount for entry in profile.getstats())
    assert calls < 1_000_000, "checking would delay the call by more than 0.3 s"
    assert sum(map(len, (*found.errors, *found.remarks))) < 10_000


@pytest.mark.parametrize("hours", ["09:00-09:00", "9:00-9:00", "00:00-00:00", "9:00 – 09:00"])
def test_hours_of_no_length_are_remarked_upon(hours: str) -> None:
    opening_hours = {"monday": hours, "tuesday": "24h", "wednesday": "9:00-12:00,22:00-02:00"}
    found = findings(GOOD | {"time_zone": "Europe/Berlin", "opening_hours": opening_hours})
    assert found.errors == ()
    [remark] = found.remarks
    assert remark.startswith(f'opening_hours.monday: "{hours}" ends when it begins')


# Drafts


def test_a_draft_has_testers_and_is_otherwise_an_agent() -> None:
    found = draft_findings(A_DRAFT)
    assert (found.agent, found.testers, found.publish) == (Agent(**GOOD), ("+14155550123",), False)
    assert found.remarks == ()


def test_a_draft_that_nobody_hears_is_remarked_upon() -> None:
    [remark] = draft_findings(GOOD).remarks
    assert remark.startswith("testers: is empty, so no one hears this draft.")
    assert draft_findings(GOOD | {"publish": True}).remarks == ()


def test_testers_of_a_broken_draft_are_known_all_the_same() -> None:
    found = draft_findings(A_DRAFT | {"voice": "Korr", "publish": True})
    assert (found.agent, found.testers, found.publish) == (None, ("+14155550123",), False)
    assert draft_findings({"testers": "+14155550123"}).testers == ()


def test_a_draft_is_published_without_what_makes_it_a_draft() -> None:
    assert agent_document(A_DRAFT | {"publish": True}) == GOOD


AFTER_CALL: dict[str, Json] = {
    "success": "The order is placed.",
    "fields": [
        {"name": "order_number", "description": "The order's number."},
        {"name": "reason", "description": "Why they rang.", "enum": ["late", "wrong item"]},
        {"name": "boxes", "type": "integer", "description": "How many boxes."},
    ],
}


def test_what_is_asked_after_a_call_is_part_of_the_agent() -> None:
    asking = check_agent(GOOD | {"after_call": AFTER_CALL})
    assert isinstance(asking, Agent)
    assert asking.after_call is not None
    assert [field.name for field in asking.after_call.fields] == ["order_number", "reason", "boxes"]
    without = check_agent(GOOD)
    assert isinstance(without, Agent)
    assert (without.after_call, asking.revision == without.revision) == (None, False)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"fields": []},
            "after_call.success: is missing. It must be text of 1 to 2,000 characters.",
        ),
        (
            {"success": " "},
            "after_call.success: contains only spaces. Write what a good call achieves.",
        ),
        (
            {"success": "Yes.", "fields": [{"name": "Order number", "description": "It."}]},
            (
                "after_call.fields[0].name: must be a lowercase name, such as order_number"
                ' or wants_callback; it is "Order number".'
            ),
        ),
        (
            {"success": "Yes.", "fields": [{"name": "a", "type": "text", "description": "It."}]},
            'after_call.fields[0].type: must be boolean, integer, number or string; it is "text".',
        ),
        (
            {"success": "Yes.", "fields": [{"name": "a", "description": "It."}] * 2},
            'after_call.fields: "a" appears twice. Give each field its own name.',
        ),
        (
            {
                "success": "Yes.",
                "fields": [
                    {"name": "a", "type": "number", "description": "It.", "enum": ["1", "2"]}
                ],
            },
            (
                "after_call.fields[0].enum: only a string can have choices. Remove it, or write"
                " type: string."
            ),
        ),
        (
            {"success": "Yes.", "fields": [{"name": "a", "description": "It.", "enum": ["x"]}]},
            (
                "after_call.fields[0].enum: has only one choice. Add the others, or write type:"
                " boolean."
            ),
        ),
        (
            {
                "success": "Yes.",
                "fields": [{"name": "a", "description": "It.", "enum": ["x", "x"]}],
            },
            'after_call.fields[0].enum: "x" is listed twice. List it once.',
        ),
    ],
)
def test_what_is_wrong_with_what_is_asked_after_a_call_is_said(
    change: dict[str, Json], told: str
) -> None:
    assert problem_of({"after_call": change}) == told
