"""Decides whether a call went as its persona says it must."""

from ringdown.rehearsals import Persona, PersonaRun, Verdict, Verdicts


def judge(persona: Persona, run: PersonaRun) -> Verdicts:
    """Facts first. Pure: it reads what `run` has, and nothing else."""
    ending = persona.must.ending
    if ending is None:
        return ()
    found = None if run.record is None else run.record.call.end_reason
    return (Verdict(kind="outcome", passed=found == ending, what=f"ends: {ending}"),)
