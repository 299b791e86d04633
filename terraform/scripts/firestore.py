"""Sets up one Firestore database: `firestore.py rules`, `seed`, `expire` or `look`.

Run by Terraform (firestore.tf, seeds.tf, agent_edited.tf), with all input in the environment. It
never deletes or replaces documents: with `deletion_protection` the database outlives `terraform
destroy`, and so must the operators' documents and the expiry of records. It needs only Python's
standard library and gcloud.
"""

import datetime
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

_ANSWER_WITHIN_S = 30
_GCLOUD_WITHIN_S = 60
_TRY_AGAIN_AFTER_S = (5, 10, 20, 40)
_PASSING = frozenset({403, 409, 429, 500, 502, 503, 504})
"""Statuses worth a retry: an API or a grant isn't in force yet, two changes collide, or Google has
an outage."""


class Google:
    """Makes REST requests with gcloud's account; all methods raise OSError."""

    def __init__(
        self, project: str, token: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.project = project
        self._sleep = sleep
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-Goog-User-Project": project,
        }

    def send(
        self, method: str, url: str, document: object = None, *, final: Iterable[int] = ()
    ) -> Any:
        """Return the response's JSON. Retries temporary failures, except statuses in `final`."""
        for pause_s in (*_TRY_AGAIN_AFTER_S, None):
            try:
                return self._send_once(method, url, document)
            except urllib.error.HTTPError as error:
                error.close()
                if pause_s is None or error.code not in _PASSING or error.code in final:
                    raise
            self._sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    def _send_once(self, method: str, url: str, document: object) -> Any:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(url, body, self._headers, method=method)  # noqa: S310 - Google's URL, or a test's
        with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN_S) as answer:  # noqa: S310
            return json.load(answer)


class Database:
    def __init__(self, google: Google, api_url: str, name: str) -> None:
        self._google = google
        self._url = f"{api_url}/v1/projects/{google.project}/databases/{name}"

    def seed(self, path: str, document: Mapping[str, Any]) -> str:
        """Create the document unless it exists. Returns a message.

        If a tool has moved to another region, the URL that we wrote is updated, and nothing else.
        """
        collection, _, name = path.partition("/")
        fields = {field: typed(value) for field, value in document.items()}
        create = f"{self._url}/documents/{collection}?documentId={urllib.parse.quote(name)}"
        try:
            self._google.send("POST", create, {"fields": fields}, final=(409,))
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
            return self._follow(path, document.get("url"))
        return f"{path} was created."

    def _follow(self, path: str, url: str | None) -> str:
        if path.startswith("numbers/"):
            return (
                f"{path} already exists, so it wasn't changed. To change it: ringdown numbers set"
            )
        if url is None:
            return f"{path} already exists, so it wasn't changed."
        document = f"{self._url}/documents/{path}"
        there = self._google.send("GET", document).get("fields", {}).get("url", {})
        written = there.get("stringValue", "")
        if written == url or not written.startswith(without_region(url)):
            return f"{path} already exists, so it wasn't changed."
        self._google.send(
            "PATCH",
            f"{document}?updateMask.fieldPaths=url&currentDocument.exists=true",
            {"fields": {"url": typed(url)}},
        )
        return f"{path} already exists. Only its url was changed, because the tool has moved."

    def look(self, collection: str) -> None:
        """Have each document of a collection checked, as after an edit.

        Writing the time of the last check, which is a system field, triggers the event.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat()
        checked = {"mapValue": {"fields": {"checked_at": {"timestampValue": now}}}}
        page = ""
        while True:
            query = f"pageSize=300&mask.fieldPaths=status&pageToken={urllib.parse.quote(page)}"
            found = self._google.send("GET", f"{self._url}/documents/{collection}?{query}")
            for document in found.get("documents", ()):
                url = f"{self._url}/documents/{urllib.parse.quote(path_of(document['name']))}"
                mask = "updateMask.fieldPaths=status.checked_at&currentDocument.exists=true"
                self._google.send("PATCH", f"{url}?{mask}", {"fields": {"status": checked}})
            page = found.get("nextPageToken", "")
            if not page:
                return

    def expire(self, collection_group: str, field: str) -> None:
        """Have Firestore delete documents after the time in `field`."""
        url = f"{self._url}/collectionGroups/{collection_group}/fields/{field}"
        if "ttlConfig" not in self._google.send("GET", url):
            self._google.send("PATCH", f"{url}?updateMask=ttlConfig", {"ttlConfig": {}})


class Rules:
    def __init__(self, google: Google, api_url: str) -> None:
        self._google = google
        self._project = f"projects/{google.project}"
        self._url = f"{api_url}/v1/{self._project}"

    def release(self, source: str, database: str) -> None:
        """Put the rules into force for a database, whether or not it had any."""
        files = {"files": [{"name": "firestore.rules", "content": source}]}
        ruleset = self._google.send("POST", f"{self._url}/rulesets", {"source": files})["name"]
        short = f"cloud.firestore/{database}"
        release = {"name": f"{self._project}/releases/{short}", "rulesetName": ruleset}
        try:
            where = f"{self._url}/releases/{urllib.parse.quote(short)}"
            self._google.send("PATCH", where, {"release": release})
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            self._google.send("POST", f"{self._url}/releases", release)


def typed(value: Any) -> dict[str, Any]:
    """Convert a value to Firestore's format: {"a": 1} becomes {"a": {"integerValue": "1"}}."""
    match value:
        case None:
            return {"nullValue": None}
        case bool():
            return {"booleanValue": value}
        case int():
            return {"integerValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case list():
            return {"arrayValue": {"values": [typed(item) for item in value]}}
        case dict():
            return {"mapValue": {"fields": {name: typed(item) for name, item in value.items()}}}
        case _:
            raise TypeError(f"Firestore has no type for {value!r}")


def path_of(name: str) -> str:
    """Return a document's path in its database."""
    return name.partition("/documents/")[2]


def without_region(url: str) -> str:
    """Return the part that a service's Cloud Run URLs have in common, whatever its region."""
    return f"{url.partition('.')[0]}."


def access_token() -> str:
    done = subprocess.run(
        ("gcloud", "auth", "print-access-token", "--quiet"),  # noqa: S607 - wherever it is installed
        capture_output=True,
        text=True,
        timeout=_GCLOUD_WITHIN_S,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"gcloud has no credentials. Run: gcloud auth login\ngcloud says: {done.stderr}")
    return done.stdout.strip()


def main() -> None:
    act, environ = sys.argv[1], os.environ
    google = Google(environ["PROJECT"], access_token())
    rules_url = environ.get("FIREBASE_RULES_API_URL", "https://firebaserules.googleapis.com")
    firestore_url = environ.get("FIRESTORE_API_URL", "https://firestore.googleapis.com")
    database = Database(google, firestore_url, environ["DATABASE"])
    try:
        match act:
            case "rules":
                source = Path(environ["RULES"]).read_text("utf-8")
                Rules(google, rules_url).release(source, environ["DATABASE"])
            case "seed":
                print(database.seed(environ["SEED"], json.loads(environ["DOCUMENT"])))  # noqa: T201 - for the person who runs the apply
            case "expire":
                for collection_group in environ["COLLECTION_GROUPS"].split():
                    database.expire(collection_group, environ["FIELD"])
            case "look":
                database.look(environ["COLLECTION"])
            case _:
                sys.exit(f"Unknown action {act!r}. Use rules, seed, expire or look.")
    except OSError as error:
        sys.exit(f"Can't set up Firestore ({act}: {error}). Apply again.")


if __name__ == "__main__":
    main()
