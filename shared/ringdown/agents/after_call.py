"""What the business wants to know about each call once it is over, as operators write it."""

import hashlib
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from ringdown.wording import shown

FieldName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z0-9_]{0,63}\Z",
        description="a lowercase name, such as order_number or wants_callback",
    ),
]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Choice = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class OutcomeField(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to find out about a call."""

    name: FieldName
    type: Literal["string", "number", "integer", "boolean"] = "string"
    description: Words
    """What the field means, for the model."""
    enum: Annotated[tuple[Choice, ...], msgspec.Meta(max_length=50)] = ()
    """The values that a string may have; empty for any."""


class AfterCall(msgspec.Struct, frozen=True, kw_only=True):
    """The questions to answer about an ended call."""

    success: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
    """What must have happened for the call to have been a success."""
    fields: Annotated[tuple[OutcomeField, ...], msgspec.Meta(max_length=30)] = ()

    @property
    def revision(self) -> str:
        """A hash of the questions: equal questions have the same revision."""
        written = msgspec.json.encode(self, order="sorted")
        return hashlib.sha256(written).hexdigest()[:12]


def after_call_errors(after_call: AfterCall) -> Iterator[str]:
    """Yield the errors that the types don't catch, in operators' words."""
    if not after_call.success.strip():
        yield "after_call.success: contains only spaces. Write what a good call achieves."
    names = [field.name for field in after_call.fields]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"after_call.fields: {shown(name)} appears twice. Give each field its own name."
    for n, field in enumerate(after_call.fields):
        where = f"after_call.fields[{n}]"
        if not field.description.strip():
            yield f"{where}.description: contains only spaces. Write what the field means."
        if field.enum and field.type != "string":
            yield f"{where}.enum: only a string can have choices. Remove it, or write type: string."
        if len(field.enum) == 1:
            yield f"{where}.enum: has only one choice. Add the others, or write type: boolean."
        for choice in sorted({c for c in field.enum if field.enum.count(c) > 1}):
            yield f"{where}.enum: {shown(choice)} is listed twice. List it once."
        if any(not choice.strip() for choice in field.enum):
            yield f"{where}.enum: a choice contains only spaces. Write its name."
