"""Text messages worded by operators. The model fills in the placeholders and writes nothing
else."""

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec

from ringdown.stores.documents import Documents
from ringdown.stores.paths import document_path, text_of_id

_COLLECTION = "text_templates"
_FIELD = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_LONGEST_VALUE = 100
_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029<>{}]|://|\bwww\.", re.IGNORECASE)
"""A value is a few words or a number. The model can't add a second line, markup or a link."""


class TextTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """`text_templates/{name}`: the model fills in its `{placeholder}`s."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]

    @property
    def placeholders(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_FIELD.findall(self.text)))


async def read_template(documents: Documents, name: str) -> TextTemplate | None:
    """Return a template, or None if there is none. Raises InvalidDocument and StoreUnavailable."""
    return await documents.read(TextTemplate, document_path(_COLLECTION, name))


async def template_names(documents: Documents) -> tuple[str, ...]:
    """Return all names, sorted. Raises StoreUnavailable."""
    return tuple(sorted(map(text_of_id, await documents.list(_COLLECTION))))


def problem_with_values(template: TextTemplate, values: Mapping[str, str]) -> str | None:
    """Tell the model why `values` don't fit `template`; None if they do."""
    wanted = template.placeholders
    missing = [name for name in wanted if not values.get(name, "").strip()]
    if missing:
        return f"This text needs a value for {', '.join(missing)}."
    unknown = [name for name in values if name not in wanted]
    if unknown:
        known = f"It has {', '.join(wanted)}." if wanted else "It has none."
        return f"This text has no placeholder {unknown[0][:40]!r}. {known}"
    for name, value in values.items():
        if len(value) > _LONGEST_VALUE:
            return f"{name} is longer than {_LONGEST_VALUE} characters. Make it shorter."
        if _UNWANTED.search(value):
            return f"{name} must be plain words on one line, without a link."
    return None


def filled_in(template: TextTemplate, values: Mapping[str, str]) -> str:
    """Fill in the text once, so that a value that looks like a placeholder stays unchanged."""
    return _FIELD.sub(lambda found: values[found[1]].strip(), template.text)
