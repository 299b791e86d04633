"""What happens to a picture that a caller sends."""

import ast
import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageCms

from photo_page.photos import reduced_photo
from photo_page.reduce_photo import reduced
from photo_page.refusals import Refusal, Refused
from ringdown.calls.uploads import LONGEST_SIDE_PX, MOST_PICTURE_BYTES
from tests.functions.caller_page.photos_taken import (
    NOT_PHOTOS,
    bomb,
    encoded,
    moving,
    photo,
    says_where,
    scene,
)

RED, BLUE = (200, 30, 30), (30, 30, 200)


def seen(jpeg: bytes) -> Image.Image:
    """Decode the JPEG, after checking that it contains nothing but pixels."""
    assert len(jpeg) <= MOST_PICTURE_BYTES
    assert not says_where(jpeg), "the JPEG says more than its pixels"
    image = Image.open(io.BytesIO(jpeg))
    image.load()
    assert "icc_profile" not in image.info
    assert image.format == "JPEG"
    assert image.mode == "RGB"
    assert max(image.size) <= LONGEST_SIDE_PX
    return image


def looks_like(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    pixel = image.getpixel(at)
    assert isinstance(pixel, tuple)
    return all(abs(have - want) < 12 for have, want in zip(pixel, colour, strict=True))


async def refusal_of(picture: bytes) -> Refusal:
    with pytest.raises(Refused) as caught:
        await reduced_photo(picture)
    return caught.value.refusal


async def test_a_photo_becomes_small_upright_and_says_nothing_of_its_place() -> None:
    taken = photo(4000, 3000, orientation=6)
    assert says_where(taken)

    image = seen(await reduced_photo(taken))

    assert image.size == (768, 1024)
    assert looks_like(image, (760, 500), RED), (
        "the top must be on the right, because of how the camera was held"
    )
    assert looks_like(image, (8, 500), BLUE)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_every_orientation_is_applied(orientation: int) -> None:
    image = seen(await reduced_photo(photo(orientation=orientation)))
    assert image.size == ((640, 480) if orientation < 5 else (480, 640))
    width, height = image.size
    red = {
        1: (width // 2, 5),
        2: (width // 2, 5),
        3: (width // 2, height - 5),
        4: (width // 2, height - 5),
        5: (5, height // 2),
        6: (width - 5, height // 2),
        7: (width - 5, height // 2),
        8: (5, height // 2),
    }
    assert looks_like(image, red[orientation], RED)


@pytest.mark.parametrize(
    "taken",
    [
        pytest.param(lambda: photo(8160, 6120, progressive=True), id="50 megapixels, progressive"),
        pytest.param(lambda: photo(8160, 6120), id="50 megapixels"),
        pytest.param(lambda: encoded(scene(5000, 4000), "PNG"), id="PNG"),
        pytest.param(lambda: encoded(scene(4000, 3000), "WEBP", method=0), id="a large WebP"),
        pytest.param(lambda: encoded(scene().convert("P"), "PNG", transparency=0), id="palette"),
        pytest.param(lambda: encoded(scene().convert("1"), "PNG"), id="black and white"),
        pytest.param(lambda: encoded(scene().convert("I;16"), "PNG"), id="16 bits"),
        pytest.param(lambda: encoded(scene().convert("LA"), "PNG"), id="grey and transparent"),
        pytest.param(lambda: encoded(scene().convert("RGBA"), "WEBP"), id="WebP"),
        pytest.param(lambda: encoded(scene().convert("CMYK"), "JPEG"), id="CMYK"),
        pytest.param(lambda: moving("MPO"), id="a JPEG with a second one behind it"),
        pytest.param(lambda: encoded(scene(1, 1), "PNG"), id="one pixel"),
        pytest.param(lambda: encoded(scene(9000, 2), "PNG"), id="a line"),
    ],
)
async def test_what_is_a_photo_is_taken(taken: Callable[[], bytes]) -> None:
    seen(await reduced_photo(taken()))


async def test_what_is_transparent_is_white() -> None:
    clear = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
    assert looks_like(seen(await reduced_photo(encoded(clear, "PNG"))), (9, 9), (255, 255, 255))


async def test_colours_become_srgb() -> None:
    """The photo's profile swaps red and blue, so that ignoring it would be visible."""
    profile = swapped_profile()
    image = seen(await reduced_photo(encoded(scene(), "JPEG", icc_profile=profile)))
    assert looks_like(image, (9, 470), RED), "the profile was ignored"


@pytest.mark.parametrize("profile", [b"not a profile", bytes(200)])
async def test_a_profile_that_cannot_be_read_changes_no_colour(profile: bytes) -> None:
    image = seen(await reduced_photo(encoded(scene(), "JPEG", icc_profile=profile)))
    assert looks_like(image, (9, 9), RED)


def swapped_profile() -> bytes:
    """sRGB with the primaries of red and blue exchanged."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")


async def test_noise_still_fits_into_a_document() -> None:
    noise = Image.effect_noise((1024, 1024), 200).convert("RGB")
    seen(await reduced_photo(encoded(noise, "PNG")))


@pytest.mark.parametrize("kind", NOT_PHOTOS)
async def test_what_is_no_photo_is_refused(kind: str) -> None:
    assert await refusal_of(NOT_PHOTOS[kind]) is Refusal.WRONG_KIND


async def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    assert await refusal_of(bomb()) is Refusal.TOO_BIG


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
async def test_a_file_that_is_cut_off_is_refused(format: str) -> None:
    whole = encoded(Image.effect_noise((400, 400), 99), format)
    assert await refusal_of(whole[: len(whole) // 2]) is Refusal.UNREADABLE


async def test_what_wants_more_memory_than_there_is_stops_its_own_program_only() -> None:
    hungry = bytes.fromhex(  # a WebP of 16,383 × 16,383
        "524946461a000000574542505650384c0e0000002ffebfff0f071011fd0f4444ff03"
    )
    assert await refusal_of(hungry) in (Refusal.TOO_BIG, Refusal.UNREADABLE)
    seen(await reduced_photo(photo()))


async def test_what_takes_too_long_is_stopped() -> None:
    with pytest.raises(Refused) as caught:
        await reduced_photo(photo(), within_s=0.0)
    assert caught.value.refusal is Refusal.UNREADABLE


async def test_the_decoder_gets_nothing_of_our_environment(
    tmp_path: Path, restored_logging: None
) -> None:
    """A picture that took over the decoder would find no secrets."""
    spy = tmp_path / "PIL"
    spy.mkdir()
    told = tmp_path / "told"
    (spy / "__init__.py").write_text(
        f"import os; open({str(told)!r}, 'w').write(repr(dict(os.environ))); os.abort()"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        assert await refusal_of(photo()) is Refusal.UNREADABLE
    finally:
        sys.path.remove(str(tmp_path))
    assert set(ast.literal_eval(told.read_text("utf-8"))) <= {"LC_CTYPE", "PYTHONPATH"}


PHOTOS = (
    photo(64, 48),
    photo(64, 48, progressive=True),
    encoded(scene(64, 48), "PNG"),
    encoded(scene(64, 48).convert("P"), "PNG", transparency=0),
    encoded(scene(64, 48), "WEBP"),
    encoded(scene(64, 48), "WEBP", lossless=True),
    moving("MPO"),
    encoded(scene(64, 48), "JPEG", icc_profile=swapped_profile()),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A photo with some bytes changed, removed or inserted, and perhaps without its end."""
    data = bytearray(draw(st.sampled_from(PHOTOS)))
    for _ in range(draw(st.integers(1, 12))):
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["change", "remove", "insert"])):
            case "change":
                data[at] = draw(st.integers(0, 255))
            case "remove":
                del data[at : at + draw(st.integers(1, 8))]
            case _:
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
    return bytes(data[: draw(st.integers(1, len(data)))] if draw(st.booleans()) else data)


@settings(max_examples=400, deadline=None)
@given(damaged())
def test_a_damaged_photo_is_a_plain_one_or_is_refused(picture: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about unused metadata
        try:
            jpeg = reduced(picture, LONGEST_SIDE_PX, MOST_PICTURE_BYTES)
        except Refused:
            return
    seen(jpeg)


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(photo(), id="with its place"),
        pytest.param(encoded(scene(), "JPEG", comment=b"x"), id="with a comment"),
        pytest.param(encoded(scene(1100, 9), "JPEG"), id="too wide"),
        pytest.param(encoded(scene(), "PNG"), id="as it came"),
        pytest.param(encoded(scene().convert("L"), "JPEG"), id="grey"),
    ],
)
def test_the_property_would_notice(planted: bytes) -> None:
    with pytest.raises(AssertionError):
        seen(planted)


def test_most_photos_of_the_property_are_worth_damaging() -> None:
    for whole in PHOTOS:
        seen(reduced(whole, LONGEST_SIDE_PX, MOST_PICTURE_BYTES))
