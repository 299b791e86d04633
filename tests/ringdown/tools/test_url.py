"""Which URLs a tool may have."""

import pytest

from ringdown.tools.url import audience_of, problem_with_url


@pytest.mark.parametrize(
    "url",
    [
        "https://lookup-account-123.us-central1.run.app",
        "https://us-central1-p.cloudfunctions.net/lookup_account",
        "https://tools.example:8443/a/b?c=d",
        "https://10.1.2.3/inside/the/vpc",
        "https://[2001:db8::1]/",
        "https://xn--bcher-kva.example/",
        "https://bücher.example/",
        "https://bücher。example/",
        "http://127.0.0.1:8082/",
        "http://localhost:8082/",
        "http://[::1]:8082/",
        "https://127.0.0.1:8443/",
    ],
)
def test_a_tool_may_be_there(url: str) -> None:
    assert problem_with_url(url) is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "https://"),
        ("tools.example", "https://"),
        ("ftp://tools.example/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("https:///path", "https://"),
        ("http://tools.example/", "https://"),
        ("http://10.1.2.3/", "https://"),
        ("http://localhost.example/", "https://"),
        ("http://127.0.0.1.example/", "https://"),
        ("https://user:secret@tools.example/", "user or a password"),
        ("https://key@tools.example/", "user or a password"),
        ("https://tools.example:99999/", "is not a URL"),
        ("https://tools.example:port/", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://2852039166/", "is not a URL"),
        ("https://0xa9fea9fe/", "is not a URL"),
        ("https://0251.0376.0251.0376/", "is not a URL"),
        ("http://127.1/", "is not a URL"),
        ("http://metadata.google.internal/computeMetadata/v1/", "metadata"),
        ("https://METADATA.google.internal./", "metadata"),
        ("https://metadata/", "metadata"),
        ("http://169.254.169.254/latest/meta-data/", "metadata"),
        ("https://169.254.169.254/", "metadata"),
        ("https://[::ffff:169.254.169.254]/", "metadata"),
        ("https://[fe80::1]/", "metadata"),
        ("https://[fd20:ce::254]/", "metadata"),
        ("https://[fd00:ec2::254]/", "metadata"),
        ("https://0.0.0.0/", "metadata"),
        ("https://169。254。169。254/", "metadata"),
        ("https://１６９．２５４．１６９．２５４/", "metadata"),
        ("https://metadata。google。internal/", "metadata"),
        ("https://metadata｡google｡internal｡/", "metadata"),
        ("https://ⓜetadata.google.internal/", "metadata"),
        ("https://a。。b/", "is not a URL"),
    ],
)
def test_no_tool_may_be_there(url: str, problem: str) -> None:
    found = problem_with_url(url)

    assert found is not None, f"{url} would be called"
    assert problem in found


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        ("https://lookup-123.run.app/path?x=1", "https://lookup-123.run.app"),
        ("https://tools.example:8443/", "https://tools.example:8443"),
        ("http://127.0.0.1:8082/", None),
    ],
)
def test_a_token_is_for_the_service_and_not_for_a_path(url: str, audience: str | None) -> None:
    assert audience_of(url) == audience
