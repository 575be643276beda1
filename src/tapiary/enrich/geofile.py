"""One MaxMind-format file: addresses in, codes of a vocabulary out, each distinct record decoded once."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import numpy as np

from tapiary.errors import InvalidInput

from .addresses import Addresses, factorize
from .records import FIELDS, decode, locate, scalars
from .tree import CorruptTree, SearchTree

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from .records import Field

#: Records whose codes are kept between batches: more than any list of cities has, at 8 bytes and two codes each.
CACHED_RECORDS = 1_000_000


class Vocabulary:
    """Distinct values and their numbers; 0 stands for "not known"."""

    def __init__(self) -> None:
        self.values: list[str | int] = [""]
        self._codes: dict[str | int, int] = {}

    def code(self, value: str | int | None) -> int:
        """The number of a value, a new one for a new value."""
        if value is None:
            return 0
        found = self._codes.get(value)
        if found is None:
            found = self._codes[value] = len(self.values)
            self.values.append(value)
        return found


class GeoFile:
    """Looks up fields of records.FIELDS in one file.

    `setting` names the setting that points to the file, for messages. Raises InvalidInput for a file that is missing
    or is not in MaxMind's format; so does `codes` for one that turns out to be damaged.
    """

    def __init__(self, path: Path, setting: str, vocabularies: dict[str, Vocabulary]) -> None:
        import maxminddb

        self.path = path
        self._setting = setting
        self._vocabularies = vocabularies
        try:
            self._database = maxminddb.open_database(path)
            self.metadata: Any = self._database.metadata()
            self._tree = SearchTree(path, self.metadata)
        except FileNotFoundError:
            raise InvalidInput(f"{setting}: there is no file {path}; give the path of a MaxMind-format (.mmdb) file",
                               field=setting) from None
        except (OSError, ValueError, TypeError, maxminddb.InvalidDatabaseError) as error:
            raise self._damaged(error) from error
        self.forget()

    def forget(self) -> None:
        """Empty the caches, as the vocabularies were replaced or have grown too large."""
        self._leaves = np.empty(0, np.int64)
        self._codes = {name: np.empty(0, np.int32) for name in self._vocabularies}

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def codes(self, addresses: Addresses) -> dict[str, NDArray[np.int32]]:
        """For each field the codes of the addresses, 0 where the file does not know."""
        try:
            leaves = self._tree.leaves(addresses)
            distinct, places = factorize(leaves)
            self._learn(distinct, places, addresses)
        except CorruptTree as error:
            raise self._damaged(error) from error
        at = np.searchsorted(self._leaves, distinct)
        return {name: codes[at][places] for name, codes in self._codes.items()}

    def _learn(self, distinct: NDArray[np.int64], places: NDArray[np.int32], addresses: Addresses) -> None:
        """Decode the records that were not seen before."""
        if len(self._leaves) > CACHED_RECORDS:
            self.forget()
        known = np.isin(distinct, self._leaves) if len(self._leaves) else np.zeros(len(distinct), bool)
        fresh = np.flatnonzero(~known)
        if not len(fresh):
            return
        example = np.empty(len(distinct), np.int64)
        example[places[::-1]] = np.arange(len(places) - 1, -1, -1)
        found = self._decode(distinct[fresh], example[fresh], addresses)
        leaves = np.concatenate((self._leaves, distinct[fresh]))
        order = np.argsort(leaves)
        self._leaves = leaves[order]
        for name, codes in found.items():
            self._codes[name] = np.concatenate((self._codes[name], codes))[order]

    def _decode(
        self, leaves: NDArray[np.int64], example: NDArray[np.int64], addresses: Addresses
    ) -> dict[str, NDArray[np.int32]]:
        """The codes of records, by field; `example` tells for each an address that leads to it."""
        fields = {name: FIELDS[name] for name in self._vocabularies}
        keys = [key for field in fields.values() for key in field.keys]
        offsets, odd = locate(self._tree.data, np.maximum(leaves, 0), keys)
        odd &= leaves >= 0
        result = {}
        row = 0
        for name, field in fields.items():
            codes = np.zeros(len(leaves), np.int32)
            for _ in field.keys:
                wanted = np.flatnonzero((codes == 0) & (offsets[row] >= 0) & ~odd & (leaves >= 0))
                if len(wanted):
                    codes[wanted] = self._value_codes(name, field, offsets[row, wanted])
                row += 1
            result[name] = codes
        for place in np.flatnonzero(odd).tolist():
            record = self._record(_address(addresses, int(example[place])))
            for name, field in fields.items():
                result[name][place] = self._vocabularies[name].code(decode(record, field))
        return result

    def _value_codes(self, name: str, field: Field, offsets: NDArray[np.int64]) -> NDArray[np.int32]:
        """The vocabulary's codes of the values at these offsets."""
        values, places = scalars(self._tree.data, offsets)
        vocabulary = self._vocabularies[name]
        return np.array([vocabulary.code(field.convert(value)) for value in values], np.int32)[places]

    def _record(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> object:
        import maxminddb

        try:
            return self._database.get(address)
        except (ValueError, OSError, maxminddb.InvalidDatabaseError, UnicodeDecodeError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> InvalidInput:
        return InvalidInput(
            f"{self._setting}: {self.path} is no intact MaxMind-format (.mmdb) file ({error}); replace it, or delete "
            "it and fetch the default data with: python -m tapiary.enrich.fetch DATA_DIR", field=self._setting,
        )


def _address(addresses: Addresses, row: int) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    high, low = int(addresses.high[row]), int(addresses.low[row])
    if high == 0 and low >> 32 == 0xFFFF:
        return ipaddress.IPv4Address(low & 0xFFFFFFFF)
    return ipaddress.IPv6Address(high << 64 | low)
