"""Finds out what came of a call, with one request to a text model."""

import datetime

from ringdown.agents.after_call import AfterCall
from ringdown.calls import CallRecord
from ringdown.calls.outcome_questions import Unusable, checked, question
from ringdown.calls.outcomes import Outcome
from ringdown.gemini.prices import text_cost_usd
from ringdown.gemini.text_model import NoAnswer, TextModel

ASK_WITHIN_S = 45.0
NO_GEMINI = "GEMINI_API_KEY is not set, and Vertex AI is not chosen. Set one of them."


async def ask_outcome(
    model: TextModel | None, record: CallRecord, after_call: AfterCall, now: datetime.datetime
) -> Outcome:
    """Return the answers, or the problem. `model` is None if Gemini isn't configured."""
    questions = after_call.revision
    if model is None:
        return Outcome(questions=questions, asked_at=now, problem=NO_GEMINI)
    try:
        written = await model.write(question(record, after_call))
        answers = checked(written.text, record, after_call)
    except (NoAnswer, Unusable) as error:
        return Outcome(questions=questions, asked_at=now, problem=f"{str(error).rstrip('.')}.")
    return Outcome(
        questions=questions,
        asked_at=now,
        fields=answers.fields,
        success=answers.success,
        success_turn=answers.success_turn,
        summary=answers.summary,
        topic=answers.topic,
        follow_up=answers.follow_up,
        model=model.name,
        cost_usd=text_cost_usd(written.tokens_in, written.tokens_out),
    )
