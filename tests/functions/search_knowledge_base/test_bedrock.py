"""The tool uses the real boto3, against an endpoint that checks signatures and shapes."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from ringdown.tools import Json
from tests.functions.asking import asked
from tests.functions.http_stand_in import HttpStandIn, Reply, http_stand_in
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function
from tests.functions.search_knowledge_base.aws_stand_in import (
    BASE_ID,
    KEY,
    REGION,
    ROLE_ARN,
    SECRET,
    Aws,
    long_lived,
    result,
)
from tests.functions.search_knowledge_base.moto_sts import given_out_by_moto, sts_by_moto
from tests.google_tokens import TokenServer

FOLDER = FUNCTIONS / "tools" / "search_knowledge_base"
GOOGLE_TOKEN = ".".join(
    base64.urlsafe_b64encode(json.dumps(part).encode()).decode()
    for part in ({"alg": "RS256"}, {"exp": 4_000_000_000}, "signature")
)
QUERY = "how long does a refund take"


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def peer(aws: Aws) -> Iterator[HttpStandIn]:
    with http_stand_in(aws.answer) as peer:
        yield peer


@pytest.fixture
def google() -> Iterator[HttpStandIn]:
    """The server from which the function's account gets its identity tokens."""
    with http_stand_in(lambda _: Reply(200, {"id_token": GOOGLE_TOKEN})) as google:
        yield google


@pytest.fixture
def environ(peer: HttpStandIn, google: HttpStandIn, tmp_path: Path) -> dict[str, str]:
    account = TokenServer(address=google.url.removeprefix("http://"))
    return {
        "KNOWLEDGE_BASE_ID": BASE_ID,
        "AWS_REGION": REGION,
        "AWS_ROLE_ARN": ROLE_ARN,
        "AWS_TOKEN_AUDIENCE": "ringdown",
        "MOST_RESULTS": "4",
        "AWS_ENDPOINT_URL": peer.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "GOOGLE_APPLICATION_CREDENTIALS": str(account.key_file(tmp_path)),
        "HOME": "/nonexistent",
    }


@pytest.fixture
def function(environ: dict[str, str], restored_logging: None) -> Iterator[LoadedFunction]:
    with loaded_function("search_knowledge_base", FOLDER, environ) as function:
        yield function


def search(function: LoadedFunction) -> dict[str, Json]:
    return asked(function, "search_knowledge_base", {"query": QUERY})


def test_the_functions_identity_opens_the_knowledge_base(
    function: LoadedFunction, aws: Aws, google: HttpStandIn
) -> None:
    expected = {"text": "Refunds take three days.", "source": "refunds.md"}
    assert search(function)["output"] == {"results": [expected]}
    assert aws.tokens == [GOOGLE_TOKEN]
    (assertion,) = parse_qs(google.asked[0].body.decode())["assertion"]
    claims = json.loads(base64.urlsafe_b64decode(assertion.split(".")[1] + "=="))
    assert claims["target_audience"] == "ringdown"
    assert aws.searches == [
        {
            "retrievalQuery": {"text": QUERY},
            "retrievalConfiguration": {
                "vectorSearchConfiguration": {
                    "numberOfResults": 4,
                    "overrideSearchType": "HYBRID",
                }
            },
        }
    ]


def test_credentials_are_kept_while_they_are_good(function: LoadedFunction, aws: Aws) -> None:
    search(function)
    search(function)
    assert (len(aws.tokens), len(aws.searches)) == (1, 2)


def test_credentials_are_renewed_before_they_expire(function: LoadedFunction, aws: Aws) -> None:
    aws.valid_for_s = 240
    search(function)
    search(function)
    assert len(aws.tokens) == 2


def test_credentials_that_expired_early_are_not_shown_again(
    function: LoadedFunction, aws: Aws
) -> None:
    aws.refuses["retrieve"] = (403, "ExpiredTokenException")
    assert search(function)["error"]["retryable"] is True
    aws.refuses.clear()
    assert "output" in search(function)
    assert len(aws.tokens) == 2


def test_what_another_sts_gives_out_signs_the_search(
    environ: dict[str, str], aws: Aws, peer: HttpStandIn, restored_logging: None
) -> None:
    """moto's STS, which works with AWS's own tools. It accepts every token, whatever its
    audience."""
    with sts_by_moto() as sts_url:
        aws.credentials_of = given_out_by_moto
        urls = {
            "AWS_ENDPOINT_URL_STS": sts_url,
            "AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME": peer.url,
        }
        with loaded_function("search_knowledge_base", FOLDER, environ | urls) as function:
            assert "output" in search(function), function.log()
    assert aws.tokens == [], "the credentials must come from moto"
    assert len(aws.searches) == 1


def test_keys_from_secrets_do_as_well(
    environ: dict[str, str], aws: Aws, restored_logging: None
) -> None:
    del environ["AWS_ROLE_ARN"]
    aws.credentials_of = long_lived
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    with loaded_function("search_knowledge_base", FOLDER, environ | keys) as function:
        assert "output" in search(function)
    assert aws.tokens == []


def test_what_scores_low_is_no_answer(function: LoadedFunction, aws: Aws) -> None:
    aws.results = [result("Close.", 0.41), result("Far off.", 0.39)]
    assert [r["text"] for r in search(function)["output"]["results"]] == ["Close."]
    aws.results = []
    assert "Nothing was found" in search(function)["error"]["message"]


def test_an_answer_is_as_long_as_one_can_listen(function: LoadedFunction, aws: Aws) -> None:
    aws.results = [result("A sentence of forty characters, or so it is. " * 200, 0.9)] * 4
    texts = [r["text"] for r in search(function)["output"]["results"]]
    assert sum(map(len, texts)) <= 1_800
    assert all(text.endswith("it is.") for text in texts)


@pytest.mark.parametrize(
    ("where", "status", "code", "logged", "retryable"),
    [
        ("retrieve", 429, "ThrottlingException", "higher quota", True),
        ("retrieve", 403, "AccessDeniedException", "allow bedrock:Retrieve", False),
        ("retrieve", 404, "ResourceNotFoundException", "exist in AWS_REGION", False),
        ("retrieve", 400, "ValidationException", "KNOWLEDGE_BASE_ID", False),
        ("retrieve", 418, "SomethingNew", "see the AWS documentation", False),
        ("sts", 403, "AccessDenied", "trust policy", False),
        ("sts", 400, "InvalidIdentityToken", "audience", False),
        ("sts", 400, "ExpiredTokenException", "expired", True),
        ("retrieve", 403, "ExpiredTokenException", "expired", True),
    ],
)
def test_a_refusal_is_worded_for_the_caller_and_for_operators(
    function: LoadedFunction,
    aws: Aws,
    where: str,
    status: int,
    code: str,
    logged: str,
    retryable: bool,
) -> None:
    aws.refuses[where] = (status, code)
    error = search(function)["error"]
    assert error["retryable"] is retryable
    assert "caller" in error["message"] or "once more" in error["message"]
    assert code not in error["message"]
    assert logged in str(function.log())
    assert QUERY not in str(function.log())

    aws.refuses.clear()
    assert "output" in search(function), "must work again once the cause is fixed"


def test_a_wrong_secret_is_told(environ: dict[str, str], aws: Aws, restored_logging: None) -> None:
    del environ["AWS_ROLE_ARN"]
    aws.credentials_of = long_lived
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": "another"}
    with loaded_function("search_knowledge_base", FOLDER, environ | keys) as function:
        assert "error" in search(function)
        assert "the AWS secret key is wrong" in str(function.log())


def test_no_credentials_at_all_are_told(environ: dict[str, str], restored_logging: None) -> None:
    del environ["AWS_ROLE_ARN"]
    with loaded_function("search_knowledge_base", FOLDER, environ) as function:
        assert search(function)["error"]["retryable"] is True
        assert "NoCredentialsError" in str(function.log())


def test_no_google_identity_is_told(function: LoadedFunction, google: HttpStandIn) -> None:
    google.answer = lambda _: Reply(403, {"error": "forbidden"})
    assert "cannot be searched" in search(function)["error"]["message"]
    assert "no Google identity token" in function.messages()
