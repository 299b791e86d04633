"""Gets the function's own Google identity token, for AWS."""

from knowledge_base.passages import SearchFailed
from ringdown.log import Log

_log = Log("search_knowledge_base.google_identity")


def identity_token(audience: str) -> str:
    """Get a token for `audience` from the metadata server. Raises SearchFailed."""
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2.id_token import fetch_id_token

    try:
        return str(fetch_id_token(Request(), audience))  # type: ignore[no-untyped-call]
    except GoogleAuthError as error:
        advice = "AWS_ROLE_ARN works only in Google Cloud; elsewhere, set AWS keys"
        _log.error("no Google identity token", error=type(error).__name__, advice=advice)
        raise SearchFailed(
            "The articles cannot be searched at the moment. Tell the caller.", retryable=True
        ) from error
