import base64

import pytest

from ringdown.webhooks.signature import InvalidSecret, new_secret, signed_headers


def test_the_signature_is_that_of_the_specifications_example() -> None:
    """See https://docs.svix.com/receiving/verifying-payloads/how-manual; libraries test with it."""
    headers = signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        1614265330,
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_change_of_anything_changes_the_signature() -> None:
    secret = new_secret()
    signatures = {
        signed_headers(each_secret, id, body, at_s)["webhook-signature"]
        for each_secret, id, body, at_s in (
            (secret, "a", b"{}", 1),
            (new_secret(), "a", b"{}", 1),
            (secret, "b", b"{}", 1),
            (secret, "a", b"{} ", 1),
            (secret, "a", b"{}", 2),
        )
    }
    assert len(signatures) == 5


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_$$$", f"whsec_{base64.b64encode(bytes(23)).decode()}", "ü"]
)
def test_a_secret_that_is_none_signs_nothing(secret: str) -> None:
    with pytest.raises(InvalidSecret, match="24 to 64 bytes"):
        signed_headers(secret, "a", b"{}", 1)
