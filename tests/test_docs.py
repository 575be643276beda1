"""The documentation's generated pages are what the code says now, and its links lead somewhere."""

import re
import shlex
from itertools import groupby
from pathlib import Path

import click
import pytest

from docs.generate import NOTE, PAGES, REFERENCE
from tapiary.cli.root import root
from tapiary.query import parse

ROOT = Path(__file__).parent.parent
WRITTEN = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts)]


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_fresh(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == NOTE + PAGES[name](), "stale: run `make generate`"


def shell_words(text: str) -> list[str]:
    """A command's words, and `|`, `&&` and parentheses as words of their own."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;()")
    lexer.whitespace_split = True
    return list(lexer)


def command_lines() -> list[tuple[str, ...]]:
    """What the pages show being typed, as far as it calls our command."""
    found = set()
    for page in WRITTEN:
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            for line in re.findall(r"^\$ ((?:.*\\\n)*.*tapiary (?:.*\\\n)*.*)", block, re.MULTILINE):
                words = shell_words(line.replace("\\\n", " "))
                for operator, group in groupby(words, lambda word: set(word) <= set("|&;()")):
                    command = tuple(group)
                    if not operator and command[0] in ("tapiary", ".venv/bin/tapiary"):
                        found.add(command)
    return sorted(found)


@pytest.mark.parametrize("line", command_lines(), ids=" ".join)
def test_commands_that_the_pages_show_are_accepted(line: tuple[str, ...]) -> None:
    words = list(line[1:])
    context = root.make_context("tapiary", words)
    while isinstance(context.command, click.Group):
        name, command, words = context.command.resolve_command(context, [*context._protected_args, *context.args])
        assert name is not None
        assert command is not None
        context = command.make_context(name, words, parent=context)


def queries() -> list[str]:
    """What the pages show being asked in NQL, but for what needs a macro."""
    return [line[2] for line in command_lines() if line[1] == "query" and line[2][0] != "-" and "$" not in line[2]]


@pytest.mark.parametrize("nql", queries())
def test_queries_that_the_pages_show_are_nql(nql: str) -> None:
    assert parse(nql).stages


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
