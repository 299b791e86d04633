"""Works out from the service's words why it refused a session.

The close code alone doesn't say: 1008 can mean a wrong key, a retired model or a denied project,
and 1007 a wrong key, an unsupported location or a tool's schema.
"""

import re
from enum import Enum

_INVALID_ARGUMENT, _POLICY = 1007, 1008


class Refusal(Enum):
    """Why the service refuses a session. None of these problems resolves itself."""

    CREDENTIALS = "credentials"
    """There are no credentials to send."""
    KEY = "key"
    MODEL = "model"
    """The model doesn't exist, was retired, or isn't available at the endpoint."""
    LOCATION = "location"
    ACCESS = "access"
    """The project may not use the service."""
    QUOTA = "quota"
    SETUP = "setup"
    """A setting or a tool's schema isn't accepted."""
    POLICY = "policy"


def refusal_of(reason: str, code: int | None) -> Refusal | None:
    """Return what `reason` means; None if the trouble may be temporary."""
    for refusal, pattern in _SAID.items():
        if pattern.search(reason):
            return refusal
    return _BY_CODE.get(code) if code is not None else None


_GONE = r"not found|retired|deprecated|shut ?down|discontinued|no longer|not supported for"
_SAID = {
    refusal: re.compile(pattern, re.IGNORECASE)
    for refusal, pattern in {
        Refusal.CREDENTIALS: r"no google credentials",
        Refusal.LOCATION: r"location is not supported",
        Refusal.KEY: r"api.?key|unregistered callers",
        Refusal.QUOTA: r"quota|resource.?exhausted",
        Refusal.MODEL: rf"\bmodels?\b.*({_GONE})",
        Refusal.ACCESS: r"denied access|permission|has not been used in project|is disabled"
        r"|requests to this api",  # … are blocked: the key is for other APIs
        Refusal.SETUP: r"not implemented, or supported, or enabled|schema|parameters",
        Refusal.POLICY: r"policy|blocked",
    }.items()
}
"""The first match wins: a model that isn't found may also "lack access"."""
_BY_CODE = {
    401: Refusal.ACCESS,
    403: Refusal.ACCESS,
    429: Refusal.QUOTA,
    _INVALID_ARGUMENT: Refusal.SETUP,
    _POLICY: Refusal.POLICY,
}
