"""What to check, as described by Terraform's outputs, a running stack or the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from ringdown.errors import ConfigurationError
from ringdown.gemini.backend import GeminiBackend
from ringdown.tools import Json
from ringdown.wording import listed
from ringdown_cli.doctor.twilio_regions import DEFAULT_TWILIO_REGION, twilio_domains
from ringdown_cli.gemini_choice import chosen_endpoints


class NotOutputs(Exception):
    """The text isn't the output of `terraform output -json`; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment to check. Unknown values are None; the checks that need them say so."""

    where: str
    """A description for messages, such as "the stack on this machine"."""
    webhook_url: str | None = None
    fallback_url: str | None = None
    """The URL Twilio requests if the webhook fails; None means the webhook's `/fallback`."""
    stream_url: str | None = None
    store_url: str | None = None
    project: str | None = None
    phone_numbers: tuple[str, ...] = ()
    twilio_region: str = DEFAULT_TWILIO_REGION
    twilio_account_sid: str | None = None
    twilio_auth_token: str | None = field(default=None, repr=False)
    endpoints: tuple[GeminiBackend | None, ...] = (None,)
    """The model's endpoints, in dialling order; None for each whose key is missing."""


class _Output(msgspec.Struct, frozen=True):
    value: Json


class _Process(msgspec.Struct, frozen=True):
    name: str
    url: str


class _Stack(msgspec.Struct, frozen=True):
    webhook_url: str
    store_url: str
    twilio_auth_token: str | None
    processes: tuple[_Process, ...]


def secret_ids(text: str) -> dict[str, str]:
    """Return the Secret Manager ids of the secrets that the doctor needs, by name, from Terraform's
    output. Raises NotOutputs."""
    ids = _outputs(text).get("secret_ids")
    known = ids.value if ids is not None and isinstance(ids.value, dict) else {}
    return {name: known[name] for name in _SECRETS if isinstance(known.get(name), str)}


def from_outputs(text: str, deployed: Mapping[str, str], environ: Mapping[str, str]) -> Deployment:
    """Make a deployment from the text of `terraform output -json`. It has no secrets: they come
    from `deployed`, by name, or else from the environment. Raises NotOutputs, ConfigurationError.
    """
    values = _values(text)
    environ = {**_typed(environ), **environ, **deployed}
    backend = {
        "GEMINI_BACKEND": values.get("gemini_backend", ""),
        "VERTEX_LOCATION": values.get("vertex_location", ""),
        "GOOGLE_CLOUD_PROJECT": values["project_id"],
        "MODEL_ENDPOINTS": values.get("model_endpoints", ""),
    }
    return Deployment(
        where=f"the deployment in project {values['project_id']}",
        webhook_url=values["webhook_url"],
        fallback_url=values.get("fallback_url"),
        stream_url=values["stream_url"],
        store_url=values["store_url"],
        project=values["project_id"],
        phone_numbers=_phone_numbers(text),
        twilio_region=_twilio_region(values.get("twilio_region")),
        twilio_account_sid=values.get("twilio_account_sid"),
        twilio_auth_token=environ.get("TWILIO_AUTH_TOKEN"),
        endpoints=chosen_endpoints({**environ, **backend}),
    )


def from_stack(text: str, environ: Mapping[str, str]) -> Deployment:
    """Make a deployment from a running stack's stack.json. Raises ConfigurationError."""
    stack = msgspec.json.decode(text, type=_Stack)
    handlers = [p.url for p in stack.processes if p.name == "stream_handler"]
    return Deployment(
        where="the stack on this machine",
        webhook_url=stack.webhook_url,
        stream_url=_websocket(handlers[0]) if handlers else None,
        store_url=stack.store_url,
        phone_numbers=_separated(environ.get("PHONE_NUMBERS", "")),
        twilio_region=_twilio_region(environ.get("TWILIO_REGION")),
        twilio_account_sid=environ.get("TWILIO_ACCOUNT_SID"),
        twilio_auth_token=stack.twilio_auth_token or environ.get("TWILIO_AUTH_TOKEN"),
        endpoints=chosen_endpoints(environ),
    )


def from_environ(environ: Mapping[str, str]) -> Deployment:
    """Make a deployment from the deployables' environment variables. Raises ConfigurationError."""
    return Deployment(
        where="the deployment in the environment",
        webhook_url=environ.get("PUBLIC_URL"),
        stream_url=environ.get("STREAM_URL"),
        store_url=environ.get("STORE_URL"),
        project=environ.get("GOOGLE_CLOUD_PROJECT"),
        phone_numbers=_separated(environ.get("PHONE_NUMBERS", "")),
        twilio_region=_twilio_region(environ.get("TWILIO_REGION")),
        twilio_account_sid=environ.get("TWILIO_ACCOUNT_SID"),
        twilio_auth_token=environ.get("TWILIO_AUTH_TOKEN"),
        endpoints=chosen_endpoints(environ),
    )


_SECRETS = ("GEMINI_API_KEY", "TWILIO_AUTH_TOKEN")
_NEEDED = ("project_id", "store_url", "stream_url", "webhook_url")


def _outputs(text: str) -> dict[str, _Output]:
    try:
        return msgspec.json.decode(text, type=dict[str, _Output])
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotOutputs(str(error)) from None


def _values(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, output in _outputs(text).items():
        if isinstance(output.value, str) and output.value:
            values[name] = output.value
    missing = [name for name in _NEEDED if name not in values]
    if missing:
        raise NotOutputs(f"missing outputs: {', '.join(missing)}")
    return values


def _phone_numbers(text: str) -> tuple[str, ...]:
    output = _outputs(text).get("phone_numbers")
    numbers = output.value if output is not None and isinstance(output.value, list) else []
    return tuple(number for number in numbers if isinstance(number, str))


def _separated(numbers: str) -> tuple[str, ...]:
    return tuple(number.strip() for number in numbers.split(",") if number.strip())


def _twilio_region(name: str | None) -> str:
    if name and name not in twilio_domains():
        raise ConfigurationError(
            [f"TWILIO_REGION is {name!r}. Set it to {listed(sorted(twilio_domains()), 'or')}."]
        )
    return name or DEFAULT_TWILIO_REGION


def _typed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that were set for `terraform apply`, if they still are."""
    names = {name: f"TF_VAR_{name.lower()}" for name in _SECRETS}
    return {name: environ[typed] for name, typed in names.items() if environ.get(typed)}


def _websocket(url: str) -> str:
    return f"ws{url.removeprefix('http')}"
