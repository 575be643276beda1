"""What a golden capture is: a name, why it is there, its bytes, and what must come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Row = dict[str, object]


@dataclass
class Case:
    """One golden capture.

    `rows`: expected rows by hand; None: from tshark, each row changed by `tunnel` and by `change[flow_id]`.
    """

    name: str
    purpose: str
    data: bytes
    tunnel: str | None = None
    rows: list[Row] | None = None
    change: dict[int, Row] = field(default_factory=dict)
    anomalies: dict[str, int] = field(default_factory=dict)
    not_flows: dict[str, int] = field(default_factory=dict)
    non_ip: dict[str, int] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)


CASES: list[Case] = []


def case(name: str, purpose: str, data: bytes, **expected: object) -> None:
    """Declare a capture; see `Case` for what is expected."""
    CASES.append(Case(name, purpose, data, **expected))  # type: ignore[arg-type]


Maker = Callable[[], None]
