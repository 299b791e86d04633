import pytest

from ringdown.errors import ConfigurationError
from ringdown.stores import check_store_url, open_store


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:ringdown.db",
        "firestore:my-project",
        "firestore:my-project/(default)",
        "firestore:my-project/calls-eu",
        "firestore:example.com:my-project",
    ],
)
def test_a_url_that_names_a_store_is_accepted(url: str) -> None:
    assert check_store_url(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite:",
        "sqlite",
        "postgres://host/db",
        "firestore",
        "firestore:",
        "firestore:my-project/",
        "firestore:my-project/a/b",
        "firestore://my-project",
        "firestore:My Project",
    ],
)
async def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    assert "firestore:PROJECT" in (check_store_url(url) or "")
    with pytest.raises(ConfigurationError, match="STORE_URL"):
        async with open_store(url):
            pass
