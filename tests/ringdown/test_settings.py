import pytest

from ringdown.errors import ConfigurationError
from ringdown.settings import SettingsReader


def problems(reader: SettingsReader) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        reader.finish()
    return caught.value.problems


def test_every_problem_is_named_at_once_with_what_to_set() -> None:
    reader = SettingsReader({"SHORT": "abc", "PORT": "http", "PHONE": "0415"})
    reader.text("NAME", "the name of the thing")
    reader.secret("SHORT", "a random secret", min_length=8)
    reader.integer("PORT", default=1, minimum=1, maximum=9)
    reader.phone_number("PHONE")
    assert problems(reader) == (
        "NAME is not set. Set it to the name of the thing.",
        "SHORT is too short: 3 characters, but at least 8 are needed. Set it to a random secret.",
        "PORT is 'http'. Set it to a whole number from 1 to 9.",
        (
            "PHONE is '0415'. Set it to a number such as +14155550100"
            " (plus, country code, digits only), or leave it out."
        ),
    )


def test_the_message_reads_as_a_list() -> None:
    error = ConfigurationError(["A is not set.", "B is not set."])
    assert str(error) == "Ringdown can't start:\n  A is not set.\n  B is not set."


def test_no_problem_says_nothing() -> None:
    reader = SettingsReader({"NAME": "  thing \n"})
    assert reader.text("NAME", "a name") == "thing"
    assert reader.text("OTHER", "a name", default="usual") == "usual"
    assert reader.optional("OTHER") is None
    assert reader.phone_number("OTHER") is None
    reader.finish()


def test_a_secret_is_never_repeated() -> None:
    reader = SettingsReader({"SECRET": "hunter2"})
    reader.secret("SECRET", "a random secret", min_length=8)
    assert "hunter2" not in str(problems(reader))


@pytest.mark.parametrize(
    ("given_url", "scheme", "url"),
    [
        ("https://phone.example", "https", "https://phone.example"),
        ("https://phone.example/incoming/", "https", "https://phone.example/incoming"),
        ("http://127.0.0.1:8080", "https", "http://127.0.0.1:8080"),
        ("http://localhost:8080/", "https", "http://localhost:8080"),
        ("ws://[::1]:8080", "wss", "ws://[::1]:8080"),
        ("wss://stream.example", "wss", "wss://stream.example"),
    ],
)
def test_a_good_url(given_url: str, scheme: str, url: str) -> None:
    reader = SettingsReader({"URL": given_url})
    assert reader.url("URL", "an address", scheme=scheme) == url
    reader.finish()


@pytest.mark.parametrize(
    "url",
    [
        "http://phone.example",
        "ws://phone.example",
        "phone.example",
        "https://",
        "https:///path",
        "https://phone.example?x=1",
        "https://phone.example#top",
        "https://phone.example:port",
        "https://[::1",
        "https://a。。b",
        "ftp://127.0.0.1",
    ],
)
def test_a_bad_url(url: str) -> None:
    reader = SettingsReader({"URL": url})
    reader.url("URL", "the address as Twilio sees it", scheme="https")
    (problem,) = problems(reader)
    assert problem.startswith("URL is ")
    assert problem.endswith("Set it to the address as Twilio sees it.")


@pytest.mark.parametrize(("raw", "value"), [("", 5), (" 7 ", 7), ("1", 1), ("9", 9)])
def test_a_good_integer(raw: str, value: int) -> None:
    reader = SettingsReader({"N": raw})
    assert reader.integer("N", default=5, minimum=1, maximum=9) == value
    reader.finish()


@pytest.mark.parametrize("raw", ["0", "10", "-1", "1.5", "nine", "1e1"])
def test_a_bad_integer(raw: str) -> None:
    reader = SettingsReader({"N": raw})
    reader.integer("N", default=5, minimum=1, maximum=9)
    assert "whole number from 1 to 9" in problems(reader)[0]


@pytest.mark.parametrize(
    ("raw", "numbers"),
    [
        ("", ()),
        ("+14155550100", ("+14155550100",)),
        (" +14155550100 ,+14155550101,", ("+14155550100", "+14155550101")),
    ],
)
def test_good_phone_numbers(raw: str, numbers: tuple[str, ...]) -> None:
    reader = SettingsReader({"NUMBERS": raw})
    assert reader.phone_numbers("NUMBERS") == numbers
    reader.finish()


def test_a_bad_one_among_phone_numbers() -> None:
    reader = SettingsReader({"NUMBERS": "+14155550100,4155550101"})
    assert reader.phone_numbers("NUMBERS") == ()
    assert problems(reader)[0].startswith("NUMBERS has '4155550101'. Set it to numbers such as")
