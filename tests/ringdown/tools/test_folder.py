import re
from pathlib import Path

import pytest
import yaml

from ringdown.errors import ConfigurationError, InvalidDocument
from ringdown.tools import Json
from ringdown.tools.folder import PLACEHOLDERS, ROLES, read_tool_folder

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(path.parent for path in (ROOT / "functions" / "tools").glob("*/tool.yaml"))
GOOD: dict[str, Json] = {
    "name": "count_loaves",
    "description": "Counts loaves.",
    "parameters": {"type": "object", "properties": {"kind": {"type": "string"}}},
    "timeout_s": 3,
    "digits": ["pin"],
    "secrets": {"BAKERY_KEY": "the key of the bakery's system"},
    "roles": ["roles/datastore.user"],
    "settings": {"STORE_URL": "{store_url}", "OVEN": "2", "PHONE": "{phone_numbers}"},
}


def a_folder(parent: Path, document: Json) -> Path:
    folder = parent / "count_loaves"
    folder.mkdir()
    (folder / "main.py").write_text("")
    (folder / "requirements.txt").write_text("")
    text = document if isinstance(document, str) else yaml.safe_dump(document)
    (folder / "tool.yaml").write_text(text)
    return folder


def test_a_declaration_is_what_the_handler_needs(tmp_path: Path) -> None:
    tool = read_tool_folder(a_folder(tmp_path, GOOD)).declaration("https://tools.example/count")
    assert (tool.name, tool.timeout_s, tool.digits) == ("count_loaves", 3, ("pin",))
    assert tool.url == "https://tools.example/count"
    assert tool.parameters == GOOD["parameters"]
    assert not tool.before_call


def test_a_tool_may_allow_to_be_called_before_calls(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, {**GOOD, "before_call": True})
    assert read_tool_folder(folder).declaration("https://tools.example/count").before_call


def test_a_function_gets_its_secrets_and_settings_and_nothing_else(tmp_path: Path) -> None:
    tool = read_tool_folder(a_folder(tmp_path, GOOD))
    given = {"BAKERY_KEY": "s3cret", "OVEN": "3", "PATH": "/bin"}
    assert tool.environ({"store_url": "sqlite:x"}, given) == {
        "BAKERY_KEY": "s3cret",
        "STORE_URL": "sqlite:x",
        "OVEN": "3",
    }


def test_a_tool_without_its_secrets_is_known_by_them(tmp_path: Path) -> None:
    tool = read_tool_folder(a_folder(tmp_path, GOOD))
    assert tool.missing_secrets({"BAKERY_KEY": ""}) == ["BAKERY_KEY"]
    assert tool.missing_secrets({"BAKERY_KEY": "s3cret"}) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"name": "count_bread"},
            "name is count_bread. It must be the same as the folder's: count_loaves.",
        ),
        ({"name": "Count Loaves"}, "name:"),
        ({"description": " "}, "description is empty"),
        ({"descripton": "x"}, "Did you mean description?"),
        ({"parameters": {"type": "array"}}, "`type: object`"),
        ({"parameters": {"type": "object", "required": ["n"]}}, "n is required but isn't among"),
        ({"parameters": {"type": "object", "properties": 7}}, "aren't a JSON Schema"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": 61}, "timeout_s"),
        ({"behavior": "eventually"}, "behavior"),
        ({"scheduling": "never"}, "scheduling"),
        ({"waiting": "music"}, "waiting"),
        ({"digits": ["the PIN"]}, "one lowercase word"),
        ({"roles": ["roles/owner"]}, "may not have the role roles/owner"),
        ({"secrets": {"api-key": "x"}}, "a variable name in capitals"),
        ({"secrets": {"OVEN": "x"}}, "OVEN is both a secret and a setting"),
        ({"settings": {"A": "{store}"}}, "unknown placeholder {store}"),
    ],
)
def test_what_is_wrong_is_told_with_the_file(
    tmp_path: Path, change: dict[str, Json], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)) as raised:
        read_tool_folder(a_folder(tmp_path, {**GOOD, **change}))
    assert all(p.startswith("functions/tools/count_loaves/") for p in raised.value.problems)


@pytest.mark.parametrize("text", ["a: [", "- 1", "", "7", "a: !!python/object:x.y {}"])
def test_what_is_no_declaration_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"functions/tools/count_loaves/tool\.yaml"):
        read_tool_folder(a_folder(tmp_path, text))


@pytest.mark.parametrize("missing", ["tool.yaml", "main.py", "requirements.txt"])
def test_a_missing_file_is_told(tmp_path: Path, missing: str) -> None:
    folder = a_folder(tmp_path, GOOD)
    (folder / missing).unlink()
    with pytest.raises(ConfigurationError, match=f"has no {re.escape(missing)}"):
        read_tool_folder(folder)


@pytest.mark.parametrize("url", ["", "http://tools.example", "https://169.254.169.254/latest"])
def test_a_declaration_needs_a_url_that_leads_out(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidDocument, match="tools/count_loaves: url "):
        read_tool_folder(a_folder(tmp_path, GOOD)).declaration(url)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_tools_that_ship_are_well_declared(folder: Path) -> None:
    assert read_tool_folder(folder).name == folder.name


def test_terraform_knows_the_same_roles_and_placeholders() -> None:
    text = (ROOT / "terraform" / "tools.tf").read_text("utf-8")
    roles = re.search(r"roles_for_tools = \[(.*?)\]", text, re.DOTALL)
    placeholders = re.search(r"_placeholders = \{(.*?)\n  \}", text, re.DOTALL)
    assert roles is not None
    assert placeholders is not None
    assert re.findall(r'"([^"]+)"', roles[1]) == list(ROLES)
    assert re.findall(r'"\{(\w+)\}"', placeholders[1]) == list(PLACEHOLDERS)
