"""The parts of Firestore's and Firebase's REST services that Terraform's script uses."""

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from ringdown.tools import Json

Reply = tuple[int, Json]
NOT_FOUND: Reply = (404, {"error": {"status": "NOT_FOUND"}})


@dataclass(slots=True)
class LittleGoogle:
    """Each path starts with the database: `ringdown/agents/default`, `ringdown/calls`."""

    documents: dict[str, dict[str, Json]] = field(default_factory=dict)
    expiring: dict[str, str] = field(default_factory=dict)
    """The field with the expiry time, by collection group."""
    rulesets: list[Json] = field(default_factory=list)
    releases: dict[str, str] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)
    """Permissions on the project that the caller lacks."""
    refused: list[int] = field(default_factory=list)
    """Statuses with which the next requests are refused."""

    def answer(self, method: str, path: str, body: str) -> Reply:
        if self.refused:
            return self.refused.pop(0), {"error": {"status": "REFUSED"}}
        parts = urlsplit(path)
        place = unquote(parts.path).removeprefix("/v1/")
        document = json.loads(body) if body else {}
        if place.endswith(":testIamPermissions"):
            granted = [name for name in document["permissions"] if name not in self.lacking]
            return 200, {"permissions": granted} if granted else {}
        database = place.partition("/databases/")[2]
        if "/documents/" in database:
            asked = parse_qs(parts.query)
            return self._document(method, database.replace("/documents/", "/", 1), asked, document)
        if "/collectionGroups/" in database:
            group, _, name = database.replace("/collectionGroups/", "/").partition("/fields/")
            return self._field(method, group, name, document)
        return self._rules(method, place, document)

    def _document(
        self, method: str, path: str, asked: dict[str, list[str]], document: Json
    ) -> Reply:
        match method:
            case "POST":
                path = f"{path}/{asked['documentId'][0]}"
                if path in self.documents:
                    return 409, {"error": {"status": "ALREADY_EXISTS"}}
                self.documents[path] = document["fields"]
            case "PATCH":
                if path not in self.documents:
                    return NOT_FOUND
                for name in asked["updateMask.fieldPaths"]:
                    _merge(self.documents[path], document["fields"], name.split("."))
            case "GET" if path.count("/") == 1:
                return 200, self._page(path, asked.get("pageToken", ["0"])[0])
            case _:
                pass
        if path not in self.documents:
            return NOT_FOUND
        return 200, {"fields": self.documents[path]}

    def _page(self, collection: str, token: str) -> Json:
        """A page of two documents."""
        paths = sorted(p for p in self.documents if p.rpartition("/")[0] == collection)
        first, last = int(token), int(token) + 2
        documents = [{"name": f"x/documents/{p.partition('/')[2]}"} for p in paths[first:last]]
        more = {"nextPageToken": str(last)} if last < len(paths) else {}
        return {"documents": documents, **more}

    def _field(self, method: str, group: str, name: str, document: Json) -> Reply:
        if method == "PATCH" and "ttlConfig" in document:
            self.expiring[group] = name
        if self.expiring.get(group) != name:
            return 200, {"indexConfig": {}}
        return 200, {"ttlConfig": {"state": "ACTIVE"}}

    def _rules(self, method: str, place: str, document: Json) -> Reply:
        if method == "PATCH":
            if place not in self.releases:
                return NOT_FOUND
            self.releases[place] = document["release"]["rulesetName"]
            return 200, {}
        if place.endswith("/rulesets"):
            self.rulesets.append(document)
            return 200, {"name": f"{place}/{len(self.rulesets)}"}
        if place.endswith("/releases"):
            self.releases[document["name"]] = document["rulesetName"]
            return 200, document
        return NOT_FOUND


def _merge(document: dict[str, Json], sent: dict[str, Json], path: list[str]) -> None:
    """Copy one field, which may be in a map."""
    name, *below = path
    if not below:
        document[name] = sent[name]
        return
    there = document.setdefault(name, {"mapValue": {"fields": {}}})
    _merge(there["mapValue"]["fields"], sent[name]["mapValue"]["fields"], below)
