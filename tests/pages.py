"""What must be true of every page in a browser, at any width and in both colour schemes."""

import asyncio
import base64
import json
from importlib import resources
from pathlib import Path

from tests.browser import Tab

LOOKS = [
    (360, 740, False),
    (360, 740, True),
    (1280, 900, False),
    (1280, 900, True),
    (1920, 1080, True),
]
"""Width, height, and whether the colour scheme is dark."""
_AXE = (resources.files("axe_core_python") / "axe.min.js").read_text("utf-8")
_SERIOUS = """
axe.run({ resultTypes: ["violations"], preload: false, iframes: false }).then(({ violations }) =>
  violations.filter(({ impact }) => ["serious", "critical"].includes(impact))
    .flatMap(({ id, help, nodes }) =>
      nodes.map(({ html }) => `${id} (${help}): ${html.slice(0, 200)}`)))
"""
_STICKS_OUT = """
[...document.querySelectorAll("body *")]
  .filter((element) => element.getBoundingClientRect().right > %d + 1
    && !element.closest(%s) && !element.closest("svg"))
  .map((element) => element.outerHTML.slice(0, 120))
"""


async def assert_shown_well(tab: Tab, *, scrolls: str) -> None:
    """Check that nothing sticks out except in `scrolls` and axe-core finds nothing serious."""
    await tab.evaluate(_AXE)
    for width, height, dark in LOOKS:
        await tab.resize(width, height, dark=dark)
        look = f"{width} px, {'dark' if dark else 'light'}"
        outside = await tab.evaluate(_STICKS_OUT % (width, json.dumps(scrolls)))
        assert not outside, f"{look}: these are outside the window: {outside}"
        serious = await tab.evaluate(_SERIOUS)
        assert not serious, f"{look}: {serious}"
    await tab.resize(1280, 900)


async def picture(tab: Tab, path: Path) -> None:
    """Save what the window shows as a PNG."""
    shot = await tab.tell("Page.captureScreenshot", format="png")
    await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))
