"""A page that shows a call: one HTML file with everything in it, which fetches nothing."""

from ringdown_cli.call_page.contents import Arrival, CallPage, Moment, MomentKind, Recording
from ringdown_cli.call_page.rendering import call_page, palette

__all__ = ["Arrival", "CallPage", "Moment", "MomentKind", "Recording", "call_page", "palette"]
