"""`agents edit`, with editors that are programs."""

import pytest

from tests.cli.agents.stored_agents import (
    DOCUMENT,
    TESTER,
    answering_revision,
    is_there,
    read,
    save,
    write,
)
from tests.cli.command_line import CommandLine, Ran, kept_text

EDIT = ("agents", "edit", "shop")


def edit(command_line: CommandLine, source: str, *argv: str, answers: str = "y\n") -> Ran:
    command_line.environ["EDITOR"] = command_line.editor(source)
    return command_line.run(*EDIT, *argv, answers=answers)


def once(source: str) -> str:
    """An editor that replaces part of the text the first time, and then leaves it alone."""
    return f"if '#! ' not in text: {source}"


def test_an_edit_is_shown_asked_for_saved_and_answers(shop: CommandLine) -> None:
    shop.run("numbers", "set", "+14155550100", "shop")
    ran = edit(shop, "text = text.replace('ten dollars', 'twelve dollars')")
    assert ran.status == 0, ran.all
    assert "-  The roses cost ten dollars.\n+  The roses cost twelve dollars.\n" in ran.said
    assert "Save this as agents/shop? [y/N]" in ran.complained
    assert "twelve dollars" in read(shop).document["instructions"]
    revision = answering_revision(shop)
    assert f"New calls use it (revision {revision})." in ran.said


def test_whoever_says_no_saves_nothing_and_keeps_the_text(shop: CommandLine) -> None:
    ran = edit(shop, "text = text.replace('ten', 'two')", answers="n\n")
    assert ran.status == 1
    assert read(shop).document == DOCUMENT
    file = kept_text(ran)
    assert "two dollars" in file.read_text("utf-8")
    again = shop.run(*EDIT, "--file", str(file), "--yes")
    assert again.status == 0
    assert "two dollars" in read(shop).document["instructions"]
    file.unlink()


def test_an_edit_that_changes_nothing_writes_nothing(shop: CommandLine) -> None:
    before = read(shop).version
    ran = edit(shop, "text += '# a thought\\n'")
    assert (ran.status, ran.said) == (0, "No changes to agents/shop.\n")
    assert read(shop).version == before
    assert "kept" not in ran.complained


def test_a_broken_document_is_refused_and_the_editor_opens_again(shop: CommandLine) -> None:
    source = (
        "first = 'Korr' not in text\n"
        "text = text.replace('Kore', 'Korr') if first else text.replace('Korr', 'Puck')"
    )
    ran = edit(shop, source, answers="y\n")
    assert ran.status == 0, ran.all
    assert "Opening the editor again to show why." in ran.complained
    assert read(shop).document["voice"] == "Puck"


def test_the_editor_that_opens_again_says_what_is_wrong_and_once_only(shop: CommandLine) -> None:
    """The second time, the person corrects one of two mistakes; the third time, they give up."""
    source = (
        "first = text.count('#! ') == 0\n"
        "if first: text = text.replace('Kore', 'Korr') + 'language: english'\n"
        "else: text = text.replace('Korr', 'Kore')"
    )
    ran = edit(shop, source, answers="")
    assert ran.status == 1
    assert ran.complained.count("Opening the editor again") == 2
    file = kept_text(ran)
    written = file.read_text("utf-8")
    assert written.count("#! agents/shop can't be used like this:\n") == 1
    assert "#!   - voice" not in written, "corrected mistakes aren't listed again"
    assert "#!   - language: " in written
    assert "Nothing was saved.\n" in ran.complained
    assert "  - language: " in ran.complained
    file.unlink()


def test_an_editor_that_never_gets_it_right_ends(shop: CommandLine) -> None:
    ran = edit(shop, "text += 'nonsense\\n'")
    assert ran.status == 1
    assert ran.complained.count("Opening the editor again") == 9
    kept_text(ran).unlink()


def test_nobody_is_asked_again_where_the_text_comes_from_a_file(shop: CommandLine) -> None:
    ran = shop.run(*EDIT, "--file", "-", "--yes", answers="greeting: Hi.")
    assert ran.status == 1
    assert "instructions: " in ran.complained
    assert "opens again" not in ran.complained


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("text = text.replace('Kore', 'Korr')", "voice: "),
        ("text = text.replace('greeting: Hello', 'greeting: Hello: dear')", "Line "),
        ("text = text.replace('flowers', '{flowers}')", "instructions: "),
        ("text += 'fallback_number: 4155550100'", "fallback_number: "),
        ("text = ''", "has no fields"),
    ],
)
def test_nothing_broken_is_saved_and_nothing_written_is_lost(
    shop: CommandLine, source: str, reason: str
) -> None:
    ran = edit(shop, once(source))
    assert ran.status == 1
    assert reason in ran.complained
    assert "Nothing was saved.\n" in ran.complained
    assert read(shop).document == DOCUMENT
    kept_text(ran).unlink()


@pytest.mark.parametrize(
    ("line", "meant"),
    [("tools: [lookup_acount]", "lookup_account"), ("langauge: de-DE", "language")],
)
def test_what_nobody_knows_is_saved_only_if_it_is_meant(
    shop: CommandLine, line: str, meant: str
) -> None:
    refused = edit(shop, once(f"text += {line!r}"))
    assert refused.status == 1
    assert "agents/shop can be used, but:" in refused.complained
    assert f"Did you mean {meant}?" in refused.complained
    assert "save it anyway: ringdown agents edit shop --anyway" in refused.complained
    assert read(shop).document == DOCUMENT
    kept_text(refused).unlink()

    assert edit(shop, f"text += {line!r}", "--anyway").status == 0
    later = edit(shop, "text = text.replace('ten', 'two')")
    assert later.status == 0, f"it was so before, and is meant: {later.all}"


def test_two_operators_at_once_lose_nothing(shop: CommandLine) -> None:
    """Someone else saves while the editor is open."""
    other = (
        "import subprocess\n"
        "their = text.replace('the flower shop', 'Flora')\n"
        "path = file.with_suffix('.theirs.yaml')\n"
        "path.write_text(their)\n"
        f"subprocess.run([sys.executable, '-m', 'ringdown_cli', 'agents', 'edit', 'shop', '--yes',"
        f" '--store', {shop.store_url!r}, '--file', str(path)], check=True, capture_output=True)\n"
        "path.unlink()\n"
        "text = text.replace('Kore', 'Puck')"
    )
    ran = edit(shop, other)
    assert ran.status == 1
    assert "Someone else saved agents/shop in the meantime" in ran.complained
    assert "+greeting: Hello, Flora." in ran.complained
    assert read(shop).document == {**DOCUMENT, "greeting": "Hello, Flora."}

    file = kept_text(ran)
    assert shop.run(*EDIT, "--file", str(file), "--yes").status == 0
    assert read(shop).document == {**DOCUMENT, "greeting": "Hello, Flora.", "voice": "Puck"}
    file.unlink()


def test_a_file_is_saved_without_an_editor_and_without_a_question(shop: CommandLine) -> None:
    file = shop.folder / "new.yaml"
    file.write_text("instructions: Be kind.\ngreeting: Hi.\nfallback_number: +14155550199\n")
    ran = shop.run(*EDIT, "--file", str(file), "--yes")
    assert ran.status == 0, ran.all
    assert read(shop).document["fallback_number"] == "+14155550199"
    assert file.exists()


def test_a_broken_file_is_told_and_stays_where_it_is(shop: CommandLine) -> None:
    file = shop.folder / "new.yaml"
    file.write_text("instructions: 7\n")
    ran = shop.run(*EDIT, "--file", str(file), "--yes")
    assert ran.status == 1
    assert "instructions: " in ran.complained
    assert "greeting: " in ran.complained, "all mistakes are listed together"
    assert "kept" not in ran.complained
    assert read(shop).document == DOCUMENT


def test_a_new_agent_begins_with_the_one_that_ships(shop: CommandLine) -> None:
    shop.environ["EDITOR"] = shop.editor("text = text.replace('demonstration', 'night')")
    ran = shop.run("agents", "edit", "night-desk", answers="y\ny\n")
    assert ran.status == 0, ran.all
    assert "There is no agent night-desk. Agents: shop.\nCreate a new agent" in ran.complained
    assert "the night line" in read(shop, agent_id="night-desk").document["greeting"]


def test_a_slip_in_an_agents_name_is_asked_about_before_the_editor_opens(
    shop: CommandLine,
) -> None:
    shop.environ["EDITOR"] = "no-such-editor"
    ran = shop.run("agents", "edit", "shpo", answers="\n")
    assert (ran.status, ran.said) == (1, "")
    assert ran.complained == (
        "There is no agent shpo. Did you mean shop? Agents: shop.\n"
        "Create a new agent shpo? [y/N] No agent was created.\n"
    )
    assert not is_there(shop, agent_id="shpo")


def test_where_there_is_no_agent_at_all_nobody_is_asked(command_line: CommandLine) -> None:
    assert not is_there(command_line, agent_id="default")
    command_line.environ["EDITOR"] = command_line.editor("pass")
    ran = command_line.run("agents", "edit", "default", answers="y\n")
    assert ran.status == 0, ran.all
    assert "agents/default doesn't exist yet; saving creates it." in ran.complained


@pytest.mark.parametrize("name", ["night desk", "a/b", "", "..", "x" * 80])
def test_a_name_that_is_none_is_refused(shop: CommandLine, name: str) -> None:
    ran = shop.run("agents", "edit", name)
    assert ran.status == 1
    assert "can't be an agent's name" in ran.complained


def test_an_agent_that_was_made_in_the_console_is_edited_whatever_its_name(
    shop: CommandLine,
) -> None:
    write(shop, DOCUMENT, agent_id="Empfang München")
    shop.environ["EDITOR"] = shop.editor("text = text.replace('Kore', 'Puck')")
    ran = shop.run("agents", "edit", "Empfang München", "--yes")
    assert ran.status == 0, ran.all
    assert read(shop, agent_id="Empfang München").document["voice"] == "Puck"


# Drafts


def test_a_draft_begins_with_the_agent_and_changes_only_itself(shop: CommandLine) -> None:
    source = f"text = text.replace('testers: []', 'testers: [{TESTER}]').replace('Kore', 'Puck')"
    ran = edit(shop, source, "--draft")
    assert ran.status == 0, ran.all
    assert "1 tester (…0123) will hear it." in ran.said
    draft = read(shop, draft=True).document
    assert draft == {**DOCUMENT, "voice": "Puck", "testers": [TESTER], "publish": False}
    assert read(shop).document == DOCUMENT


def test_of_a_draft_without_testers_it_says_that_nobody_hears_it(shop: CommandLine) -> None:
    ran = edit(shop, "text = text.replace('Kore', 'Puck')", "--draft")
    assert ran.status == 0, ran.all
    assert "No one hears it yet: add your number to `testers`." in ran.said
    assert "will hear it" not in ran.said


def test_a_draft_with_publish_true_becomes_the_agent(shop: CommandLine) -> None:
    source = "text = text.replace('publish: false', 'publish: true').replace('Kore', 'Puck')"
    ran = edit(shop, source, "--draft")
    assert ran.status == 0, ran.all
    assert "Published drafts/shop." in ran.said
    assert read(shop).document == {**DOCUMENT, "voice": "Puck"}
    assert not is_there(shop, draft=True)


def test_there_is_no_draft_of_an_agent_that_does_not_exist(shop: CommandLine) -> None:
    ran = shop.run("agents", "edit", "gone", "--draft")
    assert ran.status == 1
    assert "Agent gone doesn't exist, so it can't have a draft" in ran.complained


# Editors


@pytest.mark.parametrize("editor", ["no-such-editor", "'unbalanced"])
def test_an_editor_that_is_not_there_is_told(shop: CommandLine, editor: str) -> None:
    shop.environ["VISUAL"] = editor
    ran = shop.run(*EDIT)
    assert ran.status == 1
    assert "Can't start the editor" in ran.complained
    assert "Set EDITOR to the one you use" in ran.complained


def test_an_editor_that_fails_saves_nothing(shop: CommandLine) -> None:
    ran = edit(shop, "file.write_text('greeting: Half')\nsys.exit(3)")
    assert ran.status == 1
    assert "ended with status 3. Nothing was saved" in ran.complained
    assert read(shop).document == DOCUMENT
    kept_text(ran).unlink()


def test_an_edit_of_a_broken_document_repairs_it(shop: CommandLine) -> None:
    good = save(shop)
    write(shop, {**DOCUMENT, "voice": "Korr"})
    ran = edit(shop, "text = text.replace('Korr', 'Kore')")
    assert ran.status == 0, ran.all
    assert answering_revision(shop) == good


def test_the_text_is_for_its_owner_only(shop: CommandLine) -> None:
    ran = edit(shop, "text = text.replace('ten', 'two')", answers="n\n")
    file = kept_text(ran)
    assert file.stat().st_mode & 0o077 == 0
    file.unlink()
