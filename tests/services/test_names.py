"""Names stay inside the repository, whatever they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapiary.errors import InvalidInput
from tapiary.services.names import checked_name, extension, inside


@given(st.text() | st.from_regex(r"(\.{0,2}[/\\]?[a-z]{0,2}){1,5}"))
def test_no_accepted_name_leads_out(name: str) -> None:
    root = Path("/repository/folder")
    try:
        checked_name(name)
    except InvalidInput:
        return
    path = Path(*(root / name).parts)
    assert path.is_relative_to(root)
    assert path != root
    assert ".." not in path.parts
    assert not any(part.startswith(".") for part in path.relative_to(root).parts)
    name.encode()


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a.pcap", "pcap"),
        ("a.b.pcapng", "pcapng"),
        ("a.pcap.gz", "pcap.gz"),
        ("x/a.PCAP.zst", "PCAP.zst"),
        ("a.gz", "gz"),
        ("a", ""),
        ("x.y/a", ""),
        ("a.", ""),
    ],
)
def test_extension(name: str, ending: str) -> None:
    assert extension(name) == ending


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret.pcap").write_bytes(b"x")
    (root / "link.pcap").symlink_to(outside / "secret.pcap")
    (root / "folder").symlink_to(outside)
    (root / "real.pcap").write_bytes(b"x")
    (root / "inner.pcap").symlink_to(root / "real.pcap")
    for name in ("link.pcap", "folder/secret.pcap", "folder/new.pcap", "inner.pcap"):
        with pytest.raises(InvalidInput, match="symbolic link"):
            inside(root, name)
    assert inside(root, "real.pcap") == root / "real.pcap"
    assert inside(root, "not/yet/there.pcap") == root / "not/yet/there.pcap"
    (tmp_path / "alias").symlink_to(root)
    assert inside(tmp_path / "alias", "real.pcap").read_bytes() == b"x", "the repository itself may be behind a link"
