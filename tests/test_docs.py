"""The documentation's generated pages are what the code says now, and its links lead somewhere."""

import re
import shlex
from pathlib import Path

import click
import pytest

from docs.generate import NOTE, PAGES, REFERENCE
from tapiary.cli.root import root

ROOT = Path(__file__).parent.parent
WRITTEN = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts)]


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_fresh(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == NOTE + PAGES[name](), "stale: run `make generate`"


def command_lines() -> list[str]:
    """What the pages show being typed at a prompt, as far as it calls our command."""
    found = []
    for page in WRITTEN:
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            for line in re.findall(r"^\$ (.*(?:\\\n.*)*)", block, re.MULTILINE):
                parts = re.split(r"\|(?!\|)|\$\(|\)|&&", line.replace("\\\n", " "))
                found += [part.strip() for part in parts if re.match(r"\s*(\.venv/bin/)?tapiary\s", part)]
    return sorted(set(found))


@pytest.mark.parametrize("line", command_lines())
def test_commands_that_the_pages_show_are_accepted(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    context = root.make_context("tapiary", words)
    while isinstance(context.command, click.Group):
        name, command, words = context.command.resolve_command(context, [*context._protected_args, *context.args])
        assert name is not None
        assert command is not None
        context = command.make_context(name, words, parent=context)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_stands_in_the_table_of_contents() -> None:
    docs = ROOT / "docs"
    listed = set((docs / "index.md").read_text(encoding="utf-8").split())
    pages = {str(page.relative_to(docs).with_suffix("")) for page in docs.rglob("*.md") if "_build" not in page.parts}
    assert pages - {"index"} <= listed
