"""The tool folders served on this machine, with their environments and sample data."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from devtools.processes import free_port, say
from ringdown.stores import Store
from ringdown.stores.paths import document_path
from ringdown.tools import ASK_FOR_PHOTO
from ringdown.tools.folder import ToolDeployment, read_tool_folder

FOLDER = Path(__file__).resolve().parent.parent / "functions" / "tools"
_ACCOUNTS = FOLDER / "lookup_account" / "demonstration_accounts.yaml"
_TEXTS = FOLDER / "send_text_message" / "demonstration_texts.yaml"


@dataclass(frozen=True, slots=True)
class LocalTool:
    """A tool served at `url`."""

    deployment: ToolDeployment
    folder: Path
    url: str
    environ: Mapping[str, str]

    @property
    def texts_links(self) -> bool:
        """Whether the tool sends callers to the page for photos."""
        return self.deployment.name == ASK_FOR_PHOTO


def local_tools(
    folders: Path,
    names: Collection[str] | None,
    given: Mapping[str, str],
    values: Mapping[str, str],
) -> list[LocalTool]:
    """Return the tools in `names` (None: all), except those with secrets that aren't in `given`.

    `values` fill the placeholders in settings. Raises ConfigurationError.
    """
    tools = []
    for path in sorted(folders.glob("*/tool.yaml")):
        if names is not None and path.parent.name not in names:
            continue
        deployment = read_tool_folder(path.parent)
        if missing := deployment.missing_secrets(given):
            say(f"  Leaving out {deployment.name}: {', '.join(missing)} isn't set.")
            continue
        url = f"http://127.0.0.1:{free_port()}"
        environ = deployment.environ(values, given)
        tools.append(LocalTool(deployment, path.parent, url, environ))
    return tools


async def declare_tools(store: Store, tools: Iterable[LocalTool]) -> None:
    """Write the tools' declarations, so that agents can name them."""
    for tool in tools:
        await store.write_tool(tool.deployment.declaration(tool.url))


async def seed_demonstration(store: Store) -> None:
    """Add accounts and texts to try the tools with. Existing ones are kept."""
    for account in yaml.safe_load(_ACCOUNTS.read_text("utf-8")):
        path = document_path("accounts", account["account_number"])
        await store.documents.create(path, account)
    for name, text in yaml.safe_load(_TEXTS.read_text("utf-8")).items():
        await store.documents.create(document_path("text_templates", name), {"text": text})
