"""An import-linter contract that reads like the design's table of rooms.

A room may import only the rooms that its line names, and only through their doors (`tapiary.<room>`), never their
inner files. Rooms that do not exist yet are no error, so that the table can be whole from the start.
"""

from __future__ import annotations

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

PACKAGE = "tapiary"


class RoomsContract(Contract):
    """Checks every import between rooms against `rooms`, lines of "room: what it may import"."""

    rooms = fields.ListField(subfield=fields.StringField())
    groups = fields.ListField(subfield=fields.StringField(), required=False)
    side_doors = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Compare the graph's imports with the table."""
        allowed = self._table()
        side_doors: Any = self.side_doors or []
        offences = []
        for importer in sorted(graph.modules):
            source = _room(importer)
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                target = _room(imported)
                if source == target or not target or not imported.startswith(f"{PACKAGE}."):
                    continue
                if source not in allowed:
                    offences.append(f"{importer}: room {source} is not in the table of rooms")
                elif target not in allowed[source]:
                    offences.append(f"{importer} imports {imported}: {source} may not import {target}")
                elif imported != f"{PACKAGE}.{target}" and imported not in side_doors:
                    offences.append(f"{importer} imports {imported}, past the door {PACKAGE}.{target}")
        return ContractCheck(kept=not offences, metadata={"offences": offences})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line an offence."""
        for offence in check.metadata["offences"]:
            output.print_error(offence)

    def _table(self) -> dict[str, set[str]]:
        groups = _lines(self.groups or [])
        table = _lines(self.rooms)
        return {
            room: {name for word in words for name in groups.get(word, table if word == "*" else [word])}
            for room, words in table.items()
        }


def _lines(lines: Any) -> dict[str, list[str]]:
    return {name.strip(): rest.split() for name, _, rest in (line.partition(":") for line in lines)}


def _room(module: str) -> str:
    """The room of a module; the package itself counts as a room without a name."""
    return module.split(".")[1] if "." in module else ""
