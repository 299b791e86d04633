import asyncio
import datetime
import io
import json
import logging

import pytest

from ringdown import log
from ringdown.log import Log, call_bound
from ringdown.tools import Json
from tests.ringdown.samples import CALL_SID

pytestmark = pytest.mark.usefixtures("restored_logging")


@pytest.fixture
def output() -> io.StringIO:
    stream = io.StringIO()
    log.configure(stream)
    return stream


def lines(output: io.StringIO) -> list[dict[str, Json]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_fields(output: io.StringIO) -> None:
    Log("ringdown.test").info("call answered", attempt=2, ready=True, agent="ü\n", gone=None)
    (line,) = lines(output)
    at = datetime.datetime.fromisoformat(line.pop("time"))
    assert at.tzinfo is not None
    assert line == {
        "severity": "INFO",
        "message": "call answered",
        "logger": "ringdown.test",
        "attempt": 2,
        "ready": True,
        "agent": "ü\n",
        "gone": None,
    }


def test_a_message_is_never_a_template(output: io.StringIO) -> None:
    Log("ringdown.test").warning("100 % {of} %s", count=1)
    assert lines(output)[0]["message"] == "100 % {of} %s"


def test_an_exception_is_one_line_with_its_stack(output: io.StringIO) -> None:
    try:
        raise LookupError("nothing here")
    except LookupError:
        Log("ringdown.test").exception("request failed")
    (line,) = lines(output)
    assert line["severity"] == "ERROR"
    assert "LookupError: nothing here" in line["stack_trace"]


def test_libraries_are_heard_from_warning_on(output: io.StringIO) -> None:
    library = logging.getLogger("someone.else")
    library.info("library %s", "chatter")
    library.warning("library %s", "warning")
    assert [line["message"] for line in lines(output)] == ["library warning"]


@pytest.mark.parametrize(
    "logger",
    [
        "ringdown.x",
        "stream_handler.x",
        "incoming_call",
        "agent_edited",
        "call_ended",
        "run_code.gemini_code",
        "schedule_callback.telling_staff",
        "search_knowledge_base.bedrock",
        "send_text_message",
        "main",
    ],
)
def test_what_our_code_says_is_written_whatever_its_logger_is_called(
    output: io.StringIO, logger: str
) -> None:
    Log(logger).info("said")
    assert [line["logger"] for line in lines(output)] == [logger]


def test_each_line_names_the_app() -> None:
    output = io.StringIO()
    log.configure(output, app="check_stock")
    Log("ringdown.test").info("said")
    logging.getLogger("someone.else").warning("library warning")
    assert [line["app"] for line in lines(output)] == ["check_stock"] * 2


def test_configuring_twice_does_not_say_things_twice() -> None:
    output = io.StringIO()
    log.configure(output)
    log.configure(output)
    Log("ringdown.test").info("said")
    assert len(lines(output)) == 1


def test_the_call_is_bound_inside_only(output: io.StringIO) -> None:
    logger = Log("ringdown.test")
    logger.info("before")
    with call_bound(CALL_SID):
        logger.info("inside")
        with call_bound("CA-other"):
            logger.info("deeper")
        logger.info("back")
    logger.info("after")
    assert [line.get("call_sid") for line in lines(output)] == [
        None,
        CALL_SID,
        "CA-other",
        CALL_SID,
        None,
    ]


def test_a_calls_lines_say_more_of_it() -> None:
    stream = io.StringIO()
    log.configure(stream, of_call=lambda call_sid: {"trace_id": f"trace of {call_sid}"})
    Log("ringdown.test").info("before")
    with call_bound(CALL_SID):
        Log("ringdown.test").info("inside")
    assert [line.get("trace_id") for line in lines(stream)] == [None, f"trace of {CALL_SID}"]


async def test_each_task_keeps_the_call_it_was_started_in(output: io.StringIO) -> None:
    logger = Log("ringdown.test")
    both_bound = asyncio.Barrier(2)

    async def talk() -> None:
        await both_bound.wait()
        logger.info("said by a task")

    async def hold(call_sid: str) -> None:
        with call_bound(call_sid):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(talk())

    async with asyncio.timeout(5), asyncio.TaskGroup() as calls:
        calls.create_task(hold("CA-1"))
        calls.create_task(hold("CA-2"))
    logger.info("logged outside a call")
    said = [str(line.get("call_sid")) for line in lines(output)]
    assert sorted(said[:2]) == ["CA-1", "CA-2"]
    assert said[2] == "None"
