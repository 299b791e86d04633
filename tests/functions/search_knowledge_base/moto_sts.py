"""moto's implementation of AWS STS, over HTTP on this machine: a stand-in that isn't ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.credentials import Credentials
from moto.server import ThreadedMotoServer
from moto.sts.models import sts_backends

from tests.functions.search_knowledge_base.aws_stand_in import ROLE_ARN

_ACCOUNT = ROLE_ARN.split(":")[4]


@contextmanager
def sts_by_moto() -> Iterator[str]:
    """The URL of moto's STS, with no roles assumed yet."""
    for backend in sts_backends[_ACCOUNT].values():
        backend.reset()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def given_out_by_moto(key: str) -> Credentials:
    """The secret and session for `key`, according to moto."""
    [role] = (
        role
        for backend in sts_backends[_ACCOUNT].values()
        for role in backend.assumed_roles
        if role.access_key_id == key
    )
    return Credentials(key, role.secret_access_key, role.session_token)
