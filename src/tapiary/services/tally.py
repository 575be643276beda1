"""Counts over all flows of a run that the meter itself does not give."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class Tally:
    """Flows by group, and by country: once for each country that one of a flow's ends is in."""

    def __init__(self) -> None:
        self._groups: Counter[str] = Counter()
        self._countries: Counter[str] = Counter()

    def add(self, flows: pa.RecordBatch) -> None:
        """Count a batch of labelled and enriched flows."""
        import pyarrow.compute as pc

        _count(self._groups, flows.column("category"))
        client, server = (_plain(flows.column(f"{side}_country")) for side in ("client", "server"))
        other = pc.fill_null(pc.not_equal(client, server), True)
        for column in (server, client.filter(other)):
            _count(self._countries, column)

    def summary(self) -> dict[str, dict[str, int]]:
        """The counts as members of a run's summary, most frequent first."""
        return {"groups": dict(self._groups.most_common()), "countries": dict(self._countries.most_common())}


def _count(counter: Counter[str], column: pa.Array) -> None:
    for entry in column.drop_null().value_counts():
        counter[entry["values"].as_py()] += entry["counts"].as_py()


def _plain(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
