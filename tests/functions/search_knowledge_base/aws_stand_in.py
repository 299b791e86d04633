"""AWS on this machine: STS with web identity, and Bedrock's `retrieve`.

Signatures are checked by recomputing them from the request with AWS's own code (botocore).
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ringdown.tools import Json
from tests.functions.http_stand_in import Asked, Reply

REGION, BASE_ID = "eu-central-1", "ABCDEFGHIJ"
ROLE_ARN = "arn:aws:iam::123456789012:role/ringdown-search"
KEY, SECRET, SESSION = "ASIAEXAMPLE", "the secret of the session", "the session's token"


def result(text: str, score: float, uri: str = "s3://shop/articles/refunds.md") -> Json:
    return {
        "content": {"text": text, "type": "TEXT"},
        "location": {"type": "S3", "s3Location": {"uri": uri}},
        "score": score,
        "metadata": {},
    }


def issued(key: str) -> Credentials:
    """The secret and session for a key issued by our STS."""
    return Credentials(key, SECRET, SESSION)


def long_lived(key: str) -> Credentials:
    """The secret for a key from the settings: it has no session."""
    return Credentials(key, SECRET, None)


@dataclass(slots=True)
class Aws:
    """Returns `results` for requests signed with the credentials from `credentials_of`."""

    results: list[Json] = field(default_factory=lambda: [result("Refunds take three days.", 0.8)])
    credentials_of: Callable[[str], Credentials] = issued
    valid_for_s: float = 3_600
    refuses: dict[str, tuple[int, str]] = field(default_factory=dict)
    """For "sts" or "retrieve": HTTP status and AWS error code."""
    tokens: list[str] = field(default_factory=list)
    searches: list[Json] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        return self._sts(asked) if asked.path == "/" else self._retrieve(asked)

    def _sts(self, asked: Asked) -> Reply:
        if "sts" in self.refuses:
            status, code = self.refuses["sts"]
            error = f"<Error><Code>{code}</Code><Message>refused</Message></Error>"
            return Reply(status, f"<ErrorResponse>{error}</ErrorResponse>")
        form = {name: value for name, (value,) in parse_qs(asked.body.decode()).items()}
        assert form["Action"] == "AssumeRoleWithWebIdentity", form
        assert form["RoleArn"] == ROLE_ARN, form
        assert "authorization" not in asked.headers, "a request without keys must not be signed"
        self.tokens.append(form["WebIdentityToken"])
        now = datetime.datetime.now(datetime.UTC)
        until = now + datetime.timedelta(seconds=self.valid_for_s)
        return Reply(
            200,
            "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
            f"<AccessKeyId>{KEY}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
            f"<SessionToken>{SESSION}</SessionToken>"
            f"<Expiration>{until:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
            "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
        )

    def _retrieve(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != self._signature(asked):
            return self._error(403, "InvalidSignatureException")
        if "retrieve" in self.refuses:
            return self._error(*self.refuses["retrieve"])
        assert asked.path == f"/knowledgebases/{BASE_ID}/retrieve", asked.path
        self.searches.append(asked.json())
        return Reply(200, {"retrievalResults": self.results})

    def _error(self, status: int, code: str) -> Reply:
        return Reply(status, {"message": "refused"}, {"x-amzn-ErrorType": code})

    def _signature(self, asked: Asked) -> str:
        """The correct header for this body, at the time named in the request."""
        key = asked.headers["authorization"].partition("Credential=")[2].partition("/")[0]
        signed = asked.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
        headers = {name: asked.headers[name] for name in signed.split(";")}
        request = AWSRequest("POST", f"http://{asked.headers['host']}{asked.path}", headers)
        request.data = asked.body
        request.context["timestamp"] = asked.headers["x-amz-date"]
        signer = SigV4Auth(self.credentials_of(key), "bedrock", REGION)
        canonical = signer.canonical_request(request)
        signature = signer.signature(signer.string_to_sign(request, canonical), request)
        scope = signer.credential_scope(request)
        return (
            f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={signed},"
            f" Signature={signature}"
        )
