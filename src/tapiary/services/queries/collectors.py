"""Sycope's built-in collectors: the addresses with most bytes, or most alerts, a moment ago.

`top10ClientIpLast15Minute` and `top10ServerIpLast15Minute` have `clientIp` or `serverIp`, `top1000IPsLast2Minutes` has
`ip` of either end, each with its `bytes`; `top10ClientIpLast15Minute_Alerts` has `clientIp` and the `count` of alerts.
They are computed when a query reads them, of what its user may see.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from tapiary.query import IP, LONG, Range, Type
from tapiary.services.queries.fields import begun, column, relation

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Top:
    """The most frequent values of one field among the rows of the last minutes."""

    field: str
    most: int
    minutes: int
    #: Columns of the relation that hold the values, each a row of its own.
    columns: tuple[str, ...]
    #: What the values are ordered by: its name and its SQL.
    measure: tuple[str, str]

    @property
    def types(self) -> dict[str, Type]:
        """The fields."""
        return {self.field: IP, self.measure[0]: LONG}

    def period(self, now_ms: int) -> Range:
        """The last minutes."""
        return Range(now_ms - self.minutes * _MINUTE_MS, now_ms)

    def select(self, source: str, period: Range) -> exp.Select:
        """The values and their measures, out of the flow table or of alerts."""
        parts = [self._of(column(name), source, period) for name in self.columns]
        whole = parts[0] if len(parts) == 1 else exp.union(*parts, distinct=False)
        value, total = exp.column("value"), exp.cast(exp.Sum(this=exp.column("measure")), "BIGINT")
        found = exp.select(exp.alias_(value, self.field, quoted=True), exp.alias_(total, self.measure[0], quoted=True))
        found = found.from_(whole.subquery("valued")).group_by("value")
        return found.order_by(exp.Ordered(this=total.copy(), desc=True), "value").limit(self.most)

    def _of(self, value: exp.Column, source: str, period: Range) -> exp.Select:
        conditions = begun(period) if self.of_flows else []
        known = value.copy().is_(exp.null()).not_()
        found = exp.select(exp.alias_(value, "value"), exp.alias_(self.measure[1], "measure", dialect="duckdb"))
        return found.from_(relation(source)).where(*conditions, known)

    @property
    def of_flows(self) -> bool:
        """Whether the relation is the flow table, else it is that of alerts."""
        return self.measure[0] == "bytes"


_BYTES = ("bytes", "client_bytes + server_bytes")
COLLECTORS = {
    "top10ClientIpLast15Minute": Top("clientIp", 10, 15, ("client_ip",), _BYTES),
    "top10ServerIpLast15Minute": Top("serverIp", 10, 15, ("server_ip",), _BYTES),
    "top1000IPsLast2Minutes": Top("ip", 1000, 2, ("client_ip", "server_ip"), _BYTES),
    "top10ClientIpLast15Minute_Alerts": Top("clientIp", 10, 15, ("clientIp",), ("count", "1")),
}
