"""Talks to the person: messages, questions, secrets."""

import getpass


class Terminal:
    def say(self, text: str) -> None:
        print(text, flush=True)

    def ask(self, question: str, default: str = "") -> str:
        """What they type; the default if that is nothing."""
        shown = f"{question} [{default}] " if default else f"{question} "
        return input(shown).strip() or default

    def ask_secret(self, question: str) -> str:
        """Typed blind: it is on no screen and in no history."""
        return getpass.getpass(f"{question} (not shown) ").strip()
