"""Repairs JSON that others send: replaces whatever isn't valid JSON or UTF-8."""

import re

_MOST_LEVELS = 100
"""Not too deep to decode, but deeper than `ringdown.tools.nesting` accepts."""
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair: kept
    r"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"|(?P<opens>[\[{])|(?P<closes>[\]}])|(?P<number>NaN|-?Infinity)', re.DOTALL
)


def repaired(json: bytes) -> str:
    """Replace bytes that aren't UTF-8, and lone surrogates, with U+FFFD: an emoji that is cut in
    two arrives as two of them. NaN and the infinities become strings, as in protobuf's JSON, and
    values nested too deep become null."""
    text = _ESCAPE.sub(
        lambda found: _REPLACEMENT if found["half"] else found[0], json.decode("utf-8", "replace")
    )
    kept, kept_to, level = [], 0, 0
    for token in _TOKEN.finditer(text):
        if token["opens"]:
            level += 1
            if level == _MOST_LEVELS + 1:
                kept.append(f"{text[kept_to : token.start()]}null")
        elif token["closes"]:
            if level == _MOST_LEVELS + 1:
                kept_to = token.end()
            level -= 1
        elif token["number"] and level <= _MOST_LEVELS:
            kept.append(f'{text[kept_to : token.start()]}"{token[0]}"')
            kept_to = token.end()
    return "".join([*kept, text[kept_to:]])
