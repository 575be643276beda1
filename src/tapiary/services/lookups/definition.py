"""What a client sends of a lookup, checked: its configuration, and a file of texts.

`config` has `name`, `active`, `types` (one a column; without them all are string) and, for a subnet lookup,
`mode`: `overlapping` gives all networks that an address is in, `proper` (the default) the narrowest one. Whatever
else is in it is kept as it is. `file` has `columns` and `rows`; every cell is a text or null.
The first column of a csvFile lookup is usually its key; that of a subnet lookup holds `address/prefix` or an address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tapiary.errors import InvalidInput
from tapiary.services.elements.elements import checked_name
from tapiary.services.indexes.columns import column
from tapiary.services.indexes.errors import Faults
from tapiary.services.indexes.kinds import KINDS
from tapiary.services.indexes.texts import from_texts
from tapiary.services.indexes.views import Field

if TYPE_CHECKING:
    import pyarrow as pa

SUBNET: Final = "subnet"
#: Most columns, and longest name of one, in characters.
MOST_COLUMNS, NAME_LENGTH = 200, 128
#: The order of the rows, and a subnet lookup's networks, in the relation.
ROW, NETWORK = "_row", "_net"


@dataclass(frozen=True, slots=True)
class Definition:
    """A lookup as it is to be."""

    name: str
    active: bool
    overlapping: bool
    fields: tuple[Field, ...]
    rows: Sequence[Sequence[str | None]]

    @property
    def content(self) -> dict[str, Any]:
        """What is kept of the file."""
        return {"columns": [field.name for field in self.fields], "rows": self.rows}


def definition(kind: str, config: object, file: object) -> Definition:
    """The lookup that a client sends. Raises InvalidInput that names the key; cells are looked at by `relation`."""
    if not isinstance(config, Mapping):
        raise _bad("config", "must be an object with name and types")
    if config.get("type", kind) != kind:
        raise _bad("type", f"must be {kind} here")
    if not isinstance(config.get("active", True), bool):
        raise _bad("active", "must be true or false")
    mode = config.get("mode") or "proper"
    if kind == SUBNET and mode not in ("proper", "overlapping"):
        raise _bad("mode", "must be proper or overlapping")
    if not isinstance(file, Mapping):
        raise _bad("file", "must be an object with columns and rows")
    columns, rows = _columns(file.get("columns")), file.get("rows")
    types = _types(config.get("types"), len(columns))
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        raise _bad("rows", f"must be a list of rows, each a list of {len(columns)} texts")
    if not {type(cell) for row in rows for cell in row} <= {str, type(None)}:
        raise _bad("rows", "every cell must be a text or null")
    fields = tuple(Field(name, type) for name, type in zip(columns, types, strict=True))
    overlapping = kind == SUBNET and mode == "overlapping"
    return Definition(checked_name(config.get("name")), config.get("active", True), overlapping, fields, rows)


def relation(kind: str, known: Definition) -> pa.Table:
    """The rows as queries read them. Raises BadCells."""
    import pyarrow as pa

    faults = Faults([field.name for field in known.fields])
    given = list(zip(*known.rows, strict=True)) if known.rows else [()] * len(known.fields)
    columns = {field.name: column(field, from_texts(field, texts), faults)
               for field, texts in zip(known.fields, given, strict=True)}
    if kind == SUBNET:
        networks = [text if not text or "/" in text else f"{text}/{128 if ':' in text else 32}" for text in given[0]]
        key = Field(known.fields[0].name, "subnet")
        columns[NETWORK] = column(key, from_texts(key, networks), faults)
    faults.check()
    return pa.table(columns | {ROW: pa.array(range(len(known.rows)), pa.int64())})


def _columns(given: object) -> list[str]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_COLUMNS:
        raise _bad("columns", f"must be a list of 1 to {MOST_COLUMNS} names")
    seen = {ROW, NETWORK}
    for name in given:
        if not isinstance(name, str) or not 1 <= len(name) <= NAME_LENGTH or not name.isprintable():
            raise _bad("columns", f"each must be a name of 1 to {NAME_LENGTH} printable characters")
        if name.lower() in seen:
            raise _bad("columns", f"{name!r} is there twice (case makes no difference) or reserved")
        seen.add(name.lower())
    return given


def _types(given: object, count: int) -> list[str]:
    if given is None:
        return ["string"] * count
    if not isinstance(given, list) or len(given) != count:
        raise _bad("types", f"must be a list of {count} types, one for each of file.columns")
    unknown = next((name for name in given if not isinstance(name, str) or name.lower() not in KINDS), None)
    if unknown is not None:
        raise _bad("types", f"there is no type {str(unknown)[:40]!r}; there are {', '.join(KINDS)}")
    return [name.lower() for name in given]


def _bad(field: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{field}: {reason}", field=field)
