"""The rooms import each other only as the design's table says."""

import os
import subprocess
import sys
from pathlib import Path

from grimp import ImportGraph

from tools.rooms import RoomsContract

ROOT = Path(__file__).parent.parent


def test_rooms_import_only_what_the_table_allows() -> None:
    # A process of its own: import-linter keeps a global registry and caches the graph beside the project.
    environ = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def offences(imports: dict[str, str], side_doors: list[str] | None = None) -> list[str]:
    """What the contract finds in a small made-up graph."""
    graph = ImportGraph()
    for importer, imported in imports.items():
        graph.add_import(importer=importer, imported=imported)
    contract = RoomsContract(
        name="rooms", session_options={},
        contract_options={"rooms": ["errors:", "store: leaves", "api: leaves store", "app: *"],
                          "groups": ["leaves: errors config"], "side_doors": side_doors or []},
    )
    found: list[str] = contract.check(graph, verbose=False).metadata["offences"]
    return found


def test_allowed_imports_pass() -> None:
    assert offences({"tapiary.store.delta": "tapiary.errors", "tapiary.api.tractor.routes": "tapiary.store",
                     "tapiary.app": "tapiary.api", "tapiary.store": "tapiary.store.delta"}) == []


def test_import_against_the_table_is_found() -> None:
    assert offences({"tapiary.store.delta": "tapiary.api"}) == [
        "tapiary.store.delta imports tapiary.api: store may not import api"]


def test_import_past_a_door_is_found_unless_it_is_a_side_door() -> None:
    imports = {"tapiary.api.routes": "tapiary.store.delta"}
    assert offences(imports) == ["tapiary.api.routes imports tapiary.store.delta, past the door tapiary.store"]
    assert offences(imports, ["tapiary.store.delta"]) == []


def test_unknown_room_is_found() -> None:
    assert offences({"tapiary.attic.box": "tapiary.errors"}) == [
        "tapiary.attic.box: room attic is not in the table of rooms"]
