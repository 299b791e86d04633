"""docs/tools.md, followed to the letter: its folder is created, served and called."""

import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from devtools.processes import free_port
from devtools.stack import running_stack
from devtools.stack_settings import StackSettings, inherited
from ringdown.agents import Agent, packaged_document
from ringdown.agents.check import check_agent
from ringdown.stores import open_store
from ringdown.tools import DeclaredTool, Json, ToolAnswer, ToolCallContext, ToolRequest
from ringdown.tools.client import ToolClient
from ringdown.tools.folder import PLACEHOLDERS, ROLES, ToolDeployment
from tests.ringdown.samples import CALL_SID, CALLED, CALLER

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "tools.md").read_text("utf-8")
NAME = "check_stock"
_FILE = re.compile(rf"^`functions/tools/{NAME}/([\w.]+)`.*?^```\w+\n(.*?)^```", re.M | re.S)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """The tools in the tree, together with the page's."""
    folders = tmp_path / "tools"
    shutil.copytree(ROOT / "functions" / "tools" / "lookup_account", folders / "lookup_account")
    (folders / NAME).mkdir()
    files = dict(_FILE.findall(PAGE))
    assert files.keys() == {"tool.yaml", "main.py", "requirements.in"}
    for name, content in files.items():
        (folders / NAME / name).write_text(content, "utf-8")
    locked = (ROOT / "functions" / "tools" / "lookup_account" / "requirements.txt").read_text()
    (folders / NAME / "requirements.txt").write_text(locked)  # as `make lock` would
    return folders


async def ask(url_of: ToolClient, store_url: str, args: dict[str, Json]) -> ToolAnswer:
    async with open_store(store_url) as store:
        (tool,) = await store.read_tools((NAME,))
    call = ToolCallContext(
        call_sid=CALL_SID, agent_id="default", caller=CALLER, called=CALLED, language="en-US"
    )
    request = ToolRequest(call=call, name=NAME, args=args, idempotency_key="1")
    return (await url_of.call(tool, request)).answer


async def test_the_pages_tool_can_be_called_once_its_folder_is_there(
    folders: Path, tmp_path: Path
) -> None:
    settings = StackSettings(
        out=tmp_path / "out",
        gemini_api_key="Gemini isn't used here",
        webhook_port=free_port(),
        stream_port=free_port(),
        store_url=f"sqlite:{tmp_path / 'ringdown.db'}",
        tools=folders,
        served_tools=None,
        tool_environ={"FEWEST": "5"},
        inherited=inherited(os.environ),
    )
    client = ToolClient()
    try:
        async with running_stack(settings) as stack:
            pears = await ask(client, stack.store_url, {"item": "Pears"})
            plums = await ask(client, stack.store_url, {"item": "plums"})
    finally:
        await client.close()

    assert pears.output == {"in_stock": 1, "reserve_soon": True}
    assert plums.error is not None
    assert "no such item" in plums.error.message


def test_an_agent_can_be_given_the_tool_as_the_page_says() -> None:
    (edit,) = re.findall(r"^```yaml\n(tools: .*?)^```", PAGE, re.M | re.S)
    agent = check_agent(
        packaged_document() | yaml.safe_load(edit),
        {"lookup_account": DeclaredTool(), NAME: DeclaredTool()},
    )
    assert isinstance(agent, Agent), agent
    assert NAME in agent.tools


def test_every_field_role_and_placeholder_is_on_the_page() -> None:
    fields = re.findall(r"^\| `(\w+)` \|", PAGE, re.M)
    assert fields == list(ToolDeployment.__struct_fields__)
    assert all(f"`{role}`" in PAGE for role in ROLES)
    assert all(f"`{{{name}}}`" in PAGE for name in PLACEHOLDERS)


def test_every_tool_that_ships_is_on_the_page() -> None:
    shipped = {path.parent.name for path in (ROOT / "functions" / "tools").glob("*/tool.yaml")}
    assert set(re.findall(r"^\*\*`(\w+)`\*\*", PAGE, re.M)) == shipped
