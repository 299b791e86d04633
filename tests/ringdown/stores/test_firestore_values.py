import re
from collections.abc import Iterator

from hypothesis import example, given, strategies as st

from ringdown.stores.firestore.values import decode, encode
from ringdown.tools import Json

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
names = st.text() | st.sampled_from(["", "~", "~~", "~[]", "~~[]", "__x__", "__", "~__x__", "[]"])
any_json = st.recursive(
    scalars,
    lambda children: st.lists(children) | st.dictionaries(names, children),
    max_leaves=20,
)


@given(any_json)
@example({"~[]": [[]]})
@example([{"~[]": []}, [[]]])
def test_any_json_comes_back(value: Json) -> None:
    assert decode(encode(value)) == value


@given(any_json)
def test_firestore_gets_nothing_that_it_refuses(value: Json) -> None:
    for part in parts(encode(value)):
        if isinstance(part, list):
            assert not any(isinstance(item, list) for item in part)
        if isinstance(part, dict):
            assert not any(name == "" or re.fullmatch("__.*__", name, re.S) for name in part)


def test_what_operators_wrote_is_taken_as_it_is() -> None:
    document = {"~x": 1, "[]": [2], "note": {"~5": [3], "a": 4}}
    assert decode(document) == document


def parts(value: Json) -> Iterator[Json]:
    """Yield a value and everything in it."""
    yield value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from parts(item)
