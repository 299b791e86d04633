import msgspec

from ringdown.tools.request import order_key
from ringdown_cli.calls.without_words import Placeholders, without_words
from stream_handler.record.flight_record import Flight, Head
from tests.ringdown.samples import CALL_SID, a_call, a_tool_call


def test_different_words_get_different_placeholders() -> None:
    placeholders = Placeholders(frozenset())
    made = set()
    for number, word in enumerate(("i", "a", "u", "o")):
        made.add(placeholders.text(word))
        for n in range(25):
            placeholders.text(f"filler{number}x{n}")

    assert len(made) == 4


def test_a_word_keeps_its_placeholder_and_its_length() -> None:
    placeholders = Placeholders(frozenset())
    first = placeholders.text("My name is Ada, my number is 12")
    assert [len(word) for word in first.replace(",", "").split()] == [2, 4, 2, 3, 2, 6, 2, 2]
    assert placeholders.text("my NAME is ada, My number is 12") == first


def test_when_all_of_a_length_are_used_up_the_next_is_longer() -> None:
    letters = [chr(code) for code in range(ord("\u03b1"), ord("\u03b1") + 20)]
    letters += [chr(code) for code in range(ord("a"), ord("a") + 20)]
    placeholders = Placeholders(frozenset())
    made = [placeholders.text(letter) for letter in letters]
    assert len(set(made)) == len({letter.casefold() for letter in letters})
    assert {len(placeholder) for placeholder in made} == {1, 2}


def test_no_placeholder_is_a_farewell() -> None:
    placeholders = Placeholders(frozenset({"a", "b"}))
    assert placeholders.text("x y a") == "c d a"


def test_a_call_of_an_earlier_stream_stays_the_same_order_without_its_words() -> None:
    before = a_tool_call("t1")
    key = f"{order_key(CALL_SID, before.name, before.args)}/3"
    before = msgspec.structs.replace(before, idempotency_key=key, error="Ada moved.")
    flight = Flight(Head(call=a_call(), history=(), tool_calls=(before,)), ())

    head = without_words(flight).head

    (made,) = head.tool_calls
    assert made.idempotency_key == f"{order_key(head.call.call_sid, made.name, made.args)}/3"
    assert (made.outcome, made.duration_ms) == (before.outcome, before.duration_ms)
    assert not any(word in str(made) for word in ("123456", "active", "Ada", CALL_SID))
