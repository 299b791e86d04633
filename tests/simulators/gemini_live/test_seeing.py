"""The stand-in recognises its pictures after what phones, browsers and servers do to them."""

import io

import pytest
from PIL import Image, ImageEnhance

from simulators.gemini_live.seeing import known_picture
from simulators.pictures import PICTURES, picture


def encoded(image: Image.Image, *, quality: int = 70) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def opened(name: str) -> Image.Image:
    return Image.open(io.BytesIO(picture(name))).convert("RGB")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_known_as_it_ships(name: str) -> None:
    assert known_picture(picture(name)) == name


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("width", [320, 768, 1_024, 3_000])
def test_a_picture_is_known_scaled_and_encoded_twice(name: str, width: int) -> None:
    image = opened(name)
    scaled = image.resize((width, round(width * image.height / image.width)))
    once = Image.open(io.BytesIO(encoded(scaled, quality=40)))
    assert known_picture(encoded(once)) == name


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_known_brighter_and_with_less_colour(name: str) -> None:
    brighter = ImageEnhance.Brightness(opened(name)).enhance(1.2)
    assert known_picture(encoded(ImageEnhance.Color(brighter).enhance(0.5))) == name


def test_other_pictures_are_not_known() -> None:
    upside_down = [opened(name).rotate(180) for name in PICTURES]
    noise = Image.effect_noise((1_024, 768), 80).convert("RGB")
    plain = Image.new("RGB", (1_024, 768), (200, 200, 200))
    assert [known_picture(encoded(image)) for image in (*upside_down, noise, plain)] == [None] * 6


@pytest.mark.parametrize("data", [b"", b"no picture", picture("label")[:30_000], b"\xff\xd8\xff"])
def test_data_other_than_pictures_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a picture"):
        known_picture(data)
