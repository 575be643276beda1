"""Country, city and autonomous system of both ends of every flow of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from tapiary.errors import InvalidInput
from tapiary.schema import FLOW_COLUMNS, address_bytes
from tapiary.telemetry import counter

from .addresses import Addresses, factorize_octets, numbers, octets
from .attribution import attribution_of
from .geofile import GeoFile, Vocabulary
from .names import country_name

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

#: Values kept between batches; the world has fewer cities and networks with names, a file could have more.
_VOCABULARY_LIMIT = 1_000_000

#: What each setting's file is asked for.
_FIELDS = {"geo.city": ("country", "city"), "geo.asn": ("asn", "as_name")}
_SIDES = ("client", "server")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is, as far as the files know."""

    country: str | None = None
    city: str | None = None
    asn: int | None = None
    as_name: str | None = None

    @property
    def country_code(self) -> str | None:
        """The ISO 3166-1 code, as the tables hold it."""
        return self.country

    @property
    def country_name(self) -> str | None:
        """The country in English."""
        return country_name(self.country) if self.country else None


class Enricher:
    """Adds the geo columns to batches of flows.

    `city` and `asn` are paths of MaxMind-format files; without one its columns are null. A file for IPv6 alone may lie
    beside one for IPv4 alone, as `<name>-ipv6.mmdb`. Files are opened at first use, or by `open`, which raises
    InvalidInput naming the setting when one cannot be read. Several threads may share an Enricher.
    """

    def __init__(self, city: Path | None = None, asn: Path | None = None) -> None:
        self._paths = {"geo.city": city, "geo.asn": asn}
        self._lock = Lock()
        self._files: dict[str, list[GeoFile]] | None = None
        self._vocabularies: dict[str, dict[str, Vocabulary]] = {}

    def open(self) -> None:
        """Open the files now, so that a wrong setting is told at the start."""
        with self._lock:
            self._opened()

    def close(self) -> None:
        """Release the files; the next use opens them again."""
        with self._lock:
            for files in (self._files or {}).values():
                for file in files:
                    file.close()
            self._files = None

    def enrich(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with its eight geo columns, in the schema's order; strings are dictionary-encoded."""
        import pyarrow as pa

        rows = batch.num_rows
        both = np.concatenate([octets(batch.column(f"{side}_ip")) for side in _SIDES])
        distinct, places = factorize_octets(both)
        with self._lock:
            codes = self._codes(numbers(distinct))
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            for name, of_addresses in codes.items():
                for number, side in enumerate(_SIDES):
                    mine = of_addresses[places[number * rows:(number + 1) * rows]]
                    columns[f"{side}_{name}"] = self._column(name, mine)
        counter("enrich", "flows").add(rows)
        counter("enrich", "addresses").add(len(distinct))
        order = [c.name for c in FLOW_COLUMNS if c.name in columns]
        order += [name for name in columns if name not in set(order)]
        return pa.RecordBatch.from_arrays([columns[name] for name in order], order)

    def lookup(self, address: str) -> Place:
        """Where one address is; raises InvalidInput when the text is no address."""
        try:
            row = np.frombuffer(address_bytes(address), np.uint8).reshape(1, 16)
        except ValueError:
            raise InvalidInput(f"'{address}' is no IPv4 or IPv6 address", field="address") from None
        with self._lock:
            codes = self._codes(numbers(row))
            values: dict[str, Any] = {
                name: self._vocabulary(name).values[int(code[0])] if code[0] else None for name, code in codes.items()
            }
        return Place(**values)

    def attribution(self) -> list[str]:
        """What the licences of the files in use ask to be shown wherever their data is."""
        with self._lock:
            found = [attribution_of(file.path, str(file.metadata.database_type))
                     for files in self._opened().values() for file in files]
        return list(dict.fromkeys(line for line in found if line))

    def _opened(self) -> dict[str, list[GeoFile]]:
        if self._files is None:
            opened: dict[str, list[GeoFile]] = {}
            self._vocabularies = {setting: {name: Vocabulary() for name in names} for setting, names in _FIELDS.items()}
            for setting, path in self._paths.items():
                opened[setting] = []
                if path is not None:
                    beside = path.with_name(f"{path.stem}-ipv6{path.suffix}")
                    opened[setting] = [GeoFile(one, setting, self._vocabularies[setting])
                                       for one in (path, beside) if one == path or one.exists()]
            self._files = opened
        return self._files

    def _codes(self, addresses: Addresses) -> dict[str, NDArray[np.int32]]:
        """The codes of each field for these addresses, 0 where no file knows."""
        result = {}
        for setting, files in self._opened().items():
            if any(len(v.values) > _VOCABULARY_LIMIT for v in self._vocabularies[setting].values()):
                self._forget(setting)
            found = {name: np.zeros(len(addresses.high), np.int32) for name in _FIELDS[setting]}
            for file in files:
                rows = np.flatnonzero(np.all([codes == 0 for codes in found.values()], axis=0))
                if not len(rows):
                    break
                whole = len(rows) == len(addresses.high)
                asked = addresses if whole else Addresses(addresses.high[rows], addresses.low[rows])
                for name, codes in file.codes(asked).items():
                    found[name][rows] = codes
            result.update(found)
        return result

    def _forget(self, setting: str) -> None:
        for name in self._vocabularies[setting]:
            self._vocabularies[setting][name] = Vocabulary()
        for file in self._opened()[setting]:
            file.forget()

    def _vocabulary(self, name: str) -> Vocabulary:
        return next(group[name] for group in self._vocabularies.values() if name in group)

    def _column(self, name: str, codes: NDArray[np.int32]) -> pa.Array:
        """Codes as an Arrow column whose dictionary holds just the values that occur."""
        import pyarrow as pa

        values = self._vocabulary(name).values
        used = np.zeros(len(values), bool)
        used[codes] = True
        used[0] = False
        words = [values[code] for code in np.flatnonzero(used).tolist()]
        unknown = codes == 0
        if name == "asn":
            table = np.zeros(len(values), np.int64)
            table[used] = words
            return pa.array(table[codes], mask=unknown)
        # A vocabulary's code becomes the place among the used ones: the number of used values before it.
        indices = (np.cumsum(used, dtype=np.int32) - 1)[codes]
        return pa.DictionaryArray.from_arrays(pa.array(indices, mask=unknown), pa.array(words, pa.string()))
