"""Finding words in what was said. See clip_making/test_words for comparing whole texts."""

import pytest
from hypothesis import given, strategies as st

from ringdown.spoken_words import found_words


@pytest.mark.parametrize(
    ("words", "said", "language", "part"),
    [
        ("twenty dollars", "It costs $20 a month.", "en-US", "20 dollars"),
        ("$20", "It costs twenty dollars a month.", "en-US", "twenty dollars"),
        ("20 dollars", "Twenty dollars.", "en-GB", "Twenty dollars"),
        ("4921", "Your PIN is four, nine, two, one.", "en-US", "four, nine, two, one"),
        ("4921", "It's 4 9 2 1!", "en-US", "4 9 2 1"),
        ("4921", "It's 49 21.", "en-US", "49 21"),
        ("4921", "Forty-nine twenty-one.", "en-US", "Forty-nine twenty-one"),
        ("four nine two one", "It's 4921.", "en-US", "4921"),
        ("you're welcome", "You’re welcome.", "en-US", "You’re welcome"),
        ("10 percent", "You save 10%.", "en-US", "10 percent"),
        ("zwanzig Euro", "Das kostet 20 Euro.", "de-DE", "20 Euro"),
        ("veintiuno", "Son 21.", "es-ES", "21"),
        ("二十", "それは20です", "ja-JP", "20"),
        ("火曜日", "配達は火曜日です", "ja-JP", "火曜日"),
        ("नमस्ते", "जी, नमस्ते।", "hi-IN", "नमस्ते।"),
    ],
)
@pytest.mark.parametrize("whole_numbers", [True, False])
def test_words_are_found(
    words: str, said: str, language: str, part: str, whole_numbers: bool
) -> None:
    assert found_words(words, said, language, whole_numbers=whole_numbers) == part


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("twenty dollars", "It costs twelve dollars."),
        ("ten", "We often do."),
        ("4921", "Your PIN is four nine two two."),
        ("4921", "14921"),
        ("123", "0123"),
        ("0", "00"),
        ("twenty", ""),
        ("…", "Anything."),
    ],
)
@pytest.mark.parametrize("whole_numbers", [True, False])
def test_other_words_are_not(words: str, said: str, whole_numbers: bool) -> None:
    assert found_words(words, said, "en-US", whole_numbers=whole_numbers) is None


@pytest.mark.parametrize(
    ("words", "said", "language"),
    [
        ("twenty dollars", "It costs one hundred twenty dollars.", "en-US"),
        ("twenty dollars", "It costs a hundred and twenty dollars.", "en-US"),
        ("twenty", "It costs twenty five dollars.", "en-US"),
        ("4921", "seven four nine two one", "en-US"),
        ("twenty", "It costs 20.50.", "en-US"),
        ("nine", "We open at 9:30.", "en-US"),
        ("veinte euros", "Son ciento veinte euros.", "es-ES"),
    ],
)
def test_a_part_of_a_number_is_another_number(words: str, said: str, language: str) -> None:
    assert found_words(words, said, language, whole_numbers=True) is None
    assert found_words(words, said, language, whole_numbers=False) is not None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("twenty dollars", "There is only one: twenty dollars."),
        ("veinte", "Cuesta veinte y llega hoy."),
        ("eight", "Between eight and the afternoon."),
    ],
)
def test_a_number_ends_where_its_sentence_does(words: str, said: str) -> None:
    language = "es-ES" if words == "veinte" else "en-US"
    assert found_words(words, said, language, whole_numbers=True) is not None


@given(
    st.integers(0, 10**9),
    st.sampled_from(["en-US", "de-DE", "fr-FR", "es-ES", "it-IT", "pt-BR", "nl-NL"]),
    st.integers(0, 9),
)
def test_a_number_is_found_to_the_digit(number: int, language: str, more: int) -> None:
    """A number is found as a numeral or digit by digit, but not inside a longer number."""
    said = (f"It is {number}.", f"It is {' '.join(str(number))}.", f"It is {number}{more}.")
    found = [found_words(str(number), each, language, whole_numbers=True) for each in said]
    assert [part is not None for part in found] == [True, True, False]


@given(st.text(max_size=40), st.text(max_size=80), st.sampled_from(["en-US", "ja-JP", "", "x"]))
def test_no_text_harms_it(words: str, said: str, language: str) -> None:
    part = found_words(words, said, language, whole_numbers=True)
    assert part is None or found_words(words, said, language, whole_numbers=False) is not None
