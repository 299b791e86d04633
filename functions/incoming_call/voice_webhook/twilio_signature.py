"""Whether a webhook really comes from Twilio.

The rule is https://www.twilio.com/docs/usage/security: an HMAC over the URL that Twilio was given
and the sorted form. That URL comes from our own settings, never from headers of the request.
"""

from collections.abc import Mapping

from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)

from voice_webhook.twilio_request import Form


class SignatureCheck:
    def __init__(self, *, auth_token: str, shared_key_secret: str | None) -> None:
        self._by_auth_token = RequestValidator(auth_token)
        self._by_shared_key = RequestValidator(shared_key_secret or auth_token)

    def accepts(self, url: str, form: Form, headers: Mapping[str, str]) -> bool:
        """Whether `headers` (case-insensitive) sign `form` for `url`, with a slash or without."""
        signature = headers.get(SIGNATURE_HEADER, "")
        settings = headers.get(SIGNATURE_SETTINGS_HEADER)
        validator = self._by_auth_token if settings is None else self._by_shared_key
        algorithm = get_signature_algorithm(settings)
        return any(
            validator.validate(candidate, form, signature, algorithm)
            for candidate in (url, f"{url}/")
        )
