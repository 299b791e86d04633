"""Converts a picture to a small, plain JPEG. Runs as a separate process (see `photos`):

python -m photo_page.reduce_photo < PICTURE > JPEG
"""

import contextlib
import io
import resource
import sys

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from photo_page.refusals import REFUSED, Refusal, Refused

MOST_PIXELS = {"JPEG": 50_000_000, "PNG": 20_000_000, "WEBP": 12_000_000}
"""A JPEG is decoded at a fraction of its size; other formats are decoded whole."""
MEMORY_BYTES = 256 * 1024 * 1024
"""In addition to the page's own, in an instance with 512 MB: see terraform/caller_page.tf."""
CPU_S = 8
_QUALITIES = (85, 60, 20)  # at the lowest, even 1,024 × 1,024 of noise fits
_SRGB = ImageCms.createProfile("sRGB")


def reduced(picture: bytes, longest_side: int, most_bytes: int) -> bytes:
    """Return an upright sRGB JPEG of at most `most_bytes`, without metadata about place or camera.

    Raises Refused.
    """
    Image.MAX_IMAGE_PIXELS = None  # _check is stricter
    try:
        with Image.open(io.BytesIO(picture), formats=tuple(MOST_PIXELS)) as image:
            _check(image)
            return _jpeg(_plain(image, longest_side), most_bytes)
    except Refused:
        raise
    except UnidentifiedImageError:
        raise Refused(Refusal.WRONG_KIND) from None
    except MemoryError:
        raise Refused(Refusal.TOO_BIG) from None
    except Exception:  # noqa: BLE001 - whatever a decoder raises is the picture's fault
        raise Refused(Refusal.UNREADABLE) from None


def _check(image: Image.Image) -> None:
    """Check format and size before decoding anything. MPO, which many phones make, is a JPEG
    followed by another."""
    kind = "JPEG" if image.format == "MPO" else image.format or ""
    if kind != "JPEG" and getattr(image, "is_animated", False):
        raise Refused(Refusal.WRONG_KIND)
    if image.width * image.height > MOST_PIXELS[kind]:
        raise Refused(Refusal.TOO_BIG)


def _plain(image: Image.Image, longest_side: int) -> Image.Image:
    """Return the pixels, scaled down and upright, and nothing else."""
    image.draft("RGB", (longest_side, longest_side))
    image.load()
    small = _eight_bits(image)
    small.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    turned = ImageOps.exif_transpose(small)
    plain = Image.new("RGB", turned.size, "white")
    plain.paste(_srgb(turned), mask=turned.getchannel("A") if "A" in turned.getbands() else None)
    return plain


def _eight_bits(image: Image.Image) -> Image.Image:
    """Convert to a mode that can be scaled down, with the same metadata."""
    if image.mode.startswith("I"):  # 16 bits of grey
        return image.point(lambda level: level / 256).convert("L")
    if image.mode in ("P", "PA", "1"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image


def _srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    opaque = image.convert("RGB") if "A" in image.getbands() else image
    converted = None
    if profile:
        # If the profile is damaged, or for other pixels, leave the colours alone.
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(opaque, source, _SRGB, outputMode="RGB")
    return converted or opaque.convert("RGB")


def _jpeg(image: Image.Image, most_bytes: int) -> bytes:
    for quality in _QUALITIES:
        target = io.BytesIO()
        image.save(target, "JPEG", quality=quality, optimize=True)
        if target.tell() <= most_bytes:
            return target.getvalue()
    raise Refused(Refusal.TOO_BIG)


def main() -> int:
    if sys.platform == "linux":  # macOS doesn't enforce a memory limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    try:
        answer, status = reduced(sys.stdin.buffer.read(), *map(int, sys.argv[1:])), 0
    except Refused as refused:
        answer, status = refused.refusal.encode(), REFUSED
    sys.stdout.buffer.write(answer)
    return status


if __name__ == "__main__":
    sys.exit(main())
