"""A page that shows a call: one self-contained HTML file that fetches nothing."""

from ringdown.call_page.contents import (
    Arrival,
    CallPage,
    Moment,
    MomentKind,
    Recording,
    ServedRecording,
    in_the_page,
)
from ringdown.call_page.rendering import (
    FILES,
    call_page,
    call_page_in_site,
    palette,
)
from ringdown.call_page.view import view_of

__all__ = [
    "FILES",
    "Arrival",
    "CallPage",
    "Moment",
    "MomentKind",
    "Recording",
    "ServedRecording",
    "call_page",
    "call_page_in_site",
    "in_the_page",
    "palette",
    "view_of",
]
