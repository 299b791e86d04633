"""Estimates what a model costs; only Google's bill is exact.

US dollars per million tokens, as reported by third parties in autumn 2026. In a call, text is
cheaper than audio; it is counted as audio, as are tokens of an unknown modality, so that an
estimate is never too low for that reason. Text models are priced as Gemini 3.5 Flash.
"""

from ringdown.calls import Usage

_INPUT_USD = 3.0
_OUTPUT_USD = 12.0
_TEXT_INPUT_USD = 1.5
_TEXT_OUTPUT_USD = 9.0
_MILLION = 1_000_000


def cost_usd(usage: Usage) -> float:
    """Estimate what `usage` costs; the same for all models, because none is known to cost more."""
    prompt = sum(usage.prompt.values()) + usage.tool_use_prompt
    response = sum(usage.response.values()) + usage.thoughts
    return (prompt * _INPUT_USD + response * _OUTPUT_USD) / _MILLION


def text_cost_usd(tokens_in: int, tokens_out: int) -> float:
    """Estimate what a request to a text model costs; its thoughts are billed as output."""
    return (tokens_in * _TEXT_INPUT_USD + tokens_out * _TEXT_OUTPUT_USD) / _MILLION
