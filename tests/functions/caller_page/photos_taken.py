"""Photos as phones take them, and files that aren't photos."""

import io
from typing import Any

from PIL import Image

WHERE = b"52.3791"
"""The latitude in the photo's comment."""
_GPS, _ORIENTATION, _MAKER = 0x8825, 0x0112, 0x010F


def encoded(image: Image.Image, format: str, **how: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, format, **how)
    return target.getvalue()


def scene(width: int = 640, height: int = 480) -> Image.Image:
    """A picture, red at the top and blue at the bottom."""
    image = Image.new("RGB", (width, height), (200, 30, 30))
    image.paste((30, 30, 200), (0, height // 2, width, height))
    return image


def photo(width: int = 640, height: int = 480, *, orientation: int = 6, **how: Any) -> bytes:
    """A JPEG whose metadata says where and with what it was taken, stored on its side."""
    exif = Image.Exif()
    exif[_ORIENTATION], exif[_MAKER] = orientation, "A telephone"
    exif.get_ifd(_GPS).update({1: "N", 2: (52.0, 22.0, 44.8), 3: "E", 4: (4.0, 54.0, 1.4)})
    how = {"quality": 95, "comment": WHERE, "xmp": b"<x:xmpmeta>52.3791</x:xmpmeta>", **how}
    return encoded(scene(width, height), "JPEG", exif=exif, **how)


def says_where(data: bytes) -> bool:
    """Whether anything in the file reveals place, device or software."""
    with Image.open(io.BytesIO(data)) as image:
        return bool(image.getexif()) or WHERE in data or bool(set(image.info) - _PLAIN)


_PLAIN = {"icc_profile", "jfif", "jfif_version", "jfif_unit", "jfif_density"}


def moving(format: str) -> bytes:
    frames = [scene(), scene().rotate(180)]
    return encoded(frames[0], format, save_all=True, append_images=frames[1:])


def bomb() -> bytes:
    """A PNG of 30,000 × 30,000 pixels in 110 kB."""
    return encoded(Image.new("1", (30_000, 30_000)), "PNG")


NOT_PHOTOS = {
    "heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100),
    "gif": encoded(scene(), "GIF"),
    "moving gif": moving("GIF"),
    "moving png": moving("PNG"),
    "moving webp": moving("WEBP"),
    "tiff": encoded(scene(), "TIFF"),
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "html": b"<!doctype html><script>alert(1)</script>",
    "nothing known": b"\x00\x01\x02\x03",
}
