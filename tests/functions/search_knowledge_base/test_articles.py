"""The embedded knowledge base: the Markdown articles in the tool's folder."""

from collections.abc import Iterator

import pytest

from ringdown.tools import Json
from tests.functions.asking import asked
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function

FOLDER = FUNCTIONS / "tools" / "search_knowledge_base"


@pytest.fixture
def function(restored_logging: None) -> Iterator[LoadedFunction]:
    with loaded_function("search_knowledge_base", FOLDER, {}) as function:
        yield function


def search(function: LoadedFunction, query: str) -> dict[str, Json]:
    return asked(function, "search_knowledge_base", {"query": query})


@pytest.mark.parametrize(
    ("query", "source", "fact"),
    [
        ("Can I pause my plan?", "Plans and prices: Pausing", "eight weeks a year"),
        ("how long does a refund take", "Returns and refunds: How long refunds take", "three to"),
        ("on which days do the boxes come", "Deliveries: When boxes come", "Mondays and Thursdays"),
        ("I am allergic to nuts", "What is in the box: Allergies and dislikes", "traces of nuts"),
        ("price of the family plan", "Plans and prices: Plans", "20 dollars"),
    ],
)
def test_the_article_that_answers_comes_first(
    function: LoadedFunction, query: str, source: str, fact: str
) -> None:
    results = search(function, query)["output"]["results"]
    assert results[0]["source"] == source
    assert fact in results[0]["text"]
    assert len(results) <= 3


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("quantum chromodynamics", "Nothing was found"),
        ("the of and", "no word to search for"),
        ("?!", "no word to search for"),
        ("", "query"),
        ("x" * 1_001, "query"),
        ('" OR 1=1 NEAR(', "Nothing was found"),
        ("'; DROP TABLE passages; --", "Nothing was found"),
        ("<script>alert</script>", "Nothing was found"),
    ],
)
def test_what_finds_nothing_says_how_to_go_on(
    function: LoadedFunction, query: str, said: str
) -> None:
    assert said in search(function, query)["error"]["message"]
    assert "output" in search(function, "refund"), "the search index must be undamaged"


def test_what_was_searched_is_not_logged(function: LoadedFunction) -> None:
    search(function, "my rash")
    assert "rash" not in str(function.log())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AWS_REGION", "", "AWS_REGION is not set"),
        ("SEARCH_TYPE", "FUZZY", "SEARCH_TYPE is 'FUZZY'"),
        ("SCORE_FLOOR", "high", "SCORE_FLOOR is 'high'"),
        ("SCORE_FLOOR", "1.1", "SCORE_FLOOR is '1.1'"),
        ("MOST_RESULTS", "0", "MOST_RESULTS is '0'"),
    ],
)
def test_settings_that_do_not_fit_are_told_at_the_start(
    name: str, value: str, said: str, restored_logging: None
) -> None:
    environ = {"KNOWLEDGE_BASE_ID": "ABCDEFGHIJ", "AWS_REGION": "us-east-1", name: value}
    with (
        pytest.raises(SystemExit, match=said),
        loaded_function("search_knowledge_base", FOLDER, environ),
    ):
        pass
