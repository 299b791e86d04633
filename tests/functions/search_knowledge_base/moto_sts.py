"""AWS's STS as moto has it, over HTTP on this machine: an account of AWS that is not ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.credentials import Credentials
from moto.server import ThreadedMotoServer
from moto.sts.models import sts_backends

from tests.functions.search_knowledge_base.aws_stand_in import ROLE_ARN

_ACCOUNT = ROLE_ARN.split(":")[4]


@contextmanager
def sts_by_moto() -> Iterator[str]:
    """The URL of moto's STS, without roles that were assumed before."""
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
    """What belongs to `key`, as moto remembers it."""
    [role] = (
        role
        for backend in sts_backends[_ACCOUNT].values()
        for role in backend.assumed_roles
        if role.access_key_id == key
    )
    return Credentials(key, role.secret_access_key, role.session_token)
