"""The documentation's generated pages are what the code says now, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

from docs.generate import NOTE, PAGES, REFERENCE

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_fresh(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == NOTE + PAGES[name](), "stale: run `make generate`"


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))],
                         ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page: Path) -> None:
    if "_build" in page.parts:
        return
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_stands_in_the_table_of_contents() -> None:
    docs = ROOT / "docs"
    listed = set((docs / "index.md").read_text(encoding="utf-8").split())
    pages = {str(page.relative_to(docs).with_suffix("")) for page in docs.rglob("*.md") if "_build" not in page.parts}
    assert pages - {"index"} <= listed
