"""Talks to the person who deploys: shows messages, and asks for answers and secrets."""

import getpass


class Terminal:
    def say(self, text: str) -> None:
        print(text, flush=True)

    def ask(self, question: str, default: str = "") -> str:
        """Return what the person types, or the default if they type nothing."""
        shown = f"{question} [{default}] " if default else f"{question} "
        return input(shown).strip() or default

    def ask_secret(self, question: str) -> str:
        """Ask without showing what is typed, or keeping it in a history."""
        return getpass.getpass(f"{question} (not shown) ").strip()
