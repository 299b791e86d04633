import msgspec
import pytest

from ringdown.documents import to_record
from ringdown.errors import InvalidDocument
from ringdown.tools import Json, ToolAnswer, ToolDeclaration, ToolError

GOOD: dict[str, Json] = {"name": "look_up", "description": "Looks up.", "url": "https://t.example"}


@pytest.mark.parametrize(
    ("answer", "wire"),
    [
        (ToolAnswer(output={}), b'{"output":{}}'),
        (ToolAnswer(output={"a": [1, None]}), b'{"output":{"a":[1,null]}}'),
        (ToolAnswer.failed("No."), b'{"error":{"message":"No.","retryable":false}}'),
        (
            ToolAnswer.failed("Later.", retryable=True),
            b'{"error":{"message":"Later.","retryable":true}}',
        ),
    ],
)
def test_an_answer_on_the_wire(answer: ToolAnswer, wire: bytes) -> None:
    assert msgspec.json.encode(answer) == wire
    assert msgspec.json.decode(wire, type=ToolAnswer) == answer


@pytest.mark.parametrize(
    "wire",
    [
        b"{}",
        b'{"output":null}',
        b'{"output":{},"error":{"message":"x"}}',
        b'{"output":"text"}',
        b'{"error":"text"}',
        b"[]",
    ],
)
def test_what_is_no_answer(wire: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(wire, type=ToolAnswer)


def test_a_tool_cannot_both_answer_and_fail() -> None:
    with pytest.raises(ValueError, match="either"):
        ToolAnswer(output={}, error=ToolError(message="No."))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "LookUp"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "agents/default"}, "name"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": 61}, "timeout_s"),
        ({"parameters": []}, "parameters"),
    ],
)
def test_a_bad_declaration_is_refused_by_field(change: dict[str, Json], field: str) -> None:
    with pytest.raises(InvalidDocument, match=f"tools/look_up: {field}: "):
        to_record(ToolDeclaration, GOOD | change, where="tools/look_up")


def test_a_declaration_without_parameters_takes_none() -> None:
    tool = to_record(ToolDeclaration, GOOD, where="tools/look_up")
    assert tool.parameters == {"type": "object", "properties": {}}
