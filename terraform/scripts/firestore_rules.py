"""Puts firestore.rules into force for one database, through the Firebase Rules API.

Run by Terraform (firestore.tf), which says everything in the environment. Python's standard library
and gcloud are all it needs.
"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

_ANSWER_WITHIN_S = 30
_GCLOUD_WITHIN_S = 60


class Rules:
    """The API for one project; every method raises OSError."""

    def __init__(self, api_url: str, project: str, token: str) -> None:
        self._project_url = f"{api_url}/v1/projects/{project}"
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-Goog-User-Project": project,
        }

    def create(self, source: str) -> str:
        """Store the rules; returns the name of the set."""
        document = {"source": {"files": [{"name": "firestore.rules", "content": source}]}}
        name: str = self._send("POST", "/rulesets", document)["name"]
        return name

    def release(self, name: str, ruleset: str) -> None:
        """Have the release `name` stand for `ruleset`, whether it exists or not."""
        release = {"name": name, "rulesetName": ruleset}
        short = urllib.parse.quote(name.partition("/releases/")[2])
        try:
            self._send("PATCH", f"/releases/{short}", {"release": release})
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            self._send("POST", "/releases", release)

    def _send(self, method: str, path: str, document: object) -> Any:
        request = urllib.request.Request(  # noqa: S310 - Google's address, or a test's
            self._project_url + path, json.dumps(document).encode(), self._headers, method=method
        )
        with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN_S) as answer:  # noqa: S310
            return json.load(answer)


def _access_token() -> str:
    done = subprocess.run(
        ("gcloud", "auth", "print-access-token", "--quiet"),  # noqa: S607 - wherever it is installed
        capture_output=True,
        text=True,
        timeout=_GCLOUD_WITHIN_S,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"gcloud has no credentials. Run `gcloud auth login`. It says: {done.stderr}")
    return done.stdout.strip()


def main() -> None:
    project, database = os.environ["PROJECT"], os.environ["DATABASE"]
    api_url = os.environ.get("FIREBASE_RULES_API_URL", "https://firebaserules.googleapis.com")
    rules = Rules(api_url, project, _access_token())
    try:
        ruleset = rules.create(Path(os.environ["RULES"]).read_text("utf-8"))
        rules.release(f"projects/{project}/releases/cloud.firestore/{database}", ruleset)
    except OSError as error:
        sys.exit(f"The database's rules could not be released ({error}). Apply again.")


if __name__ == "__main__":
    main()
