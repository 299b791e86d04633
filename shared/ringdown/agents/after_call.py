"""What the business wants to know of each call once it is over, as operators write it."""

import hashlib
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from ringdown.wording import shown

FieldName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z0-9_]{0,63}\Z",
        description="a name in small letters, such as order_number or wants_callback",
    ),
]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Choice = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class OutcomeField(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to find out from a call."""

    name: FieldName
    type: Literal["string", "number", "integer", "boolean"] = "string"
    description: Words
    """What is meant, for the model."""
    enum: Annotated[tuple[Choice, ...], msgspec.Meta(max_length=50)] = ()
    """The only values there are, of a string; empty for any."""


class AfterCall(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of an ended call."""

    success: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
    """What must have happened for the call to have been a success."""
    fields: Annotated[tuple[OutcomeField, ...], msgspec.Meta(max_length=30)] = ()

    @property
    def revision(self) -> str:
        """The same questions have the same."""
        written = msgspec.json.encode(self, order="sorted")
        return hashlib.sha256(written).hexdigest()[:12]


def after_call_errors(after_call: AfterCall) -> Iterator[str]:
    """What the types do not say, in operators' words."""
    if not after_call.success.strip():
        yield "after_call.success: there are only spaces in it. Write what a good call achieves."
    names = [field.name for field in after_call.fields]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"after_call.fields: {shown(name)} is there twice. Give each field its own name."
    for n, field in enumerate(after_call.fields):
        where = f"after_call.fields[{n}]"
        if not field.description.strip():
            yield f"{where}.description: there are only spaces in it. Write what is meant."
        if field.enum and field.type != "string":
            yield f"{where}.enum: only a string has choices. Leave it out, or write type: string."
        if len(field.enum) == 1:
            yield f"{where}.enum: has one choice only. Add the others, or write type: boolean."
        for choice in sorted({c for c in field.enum if field.enum.count(c) > 1}):
            yield f"{where}.enum: {shown(choice)} is listed twice. List it once."
        if any(not choice.strip() for choice in field.enum):
            yield f"{where}.enum: a choice has only spaces in it. Write its name."
