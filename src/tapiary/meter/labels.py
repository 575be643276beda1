"""The labels and risks that there are."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tapiary.config import MeterConfig


@cache
def _ndpi_labels() -> dict[str, str]:
    from .ndpi import Dissector, Names

    dissector = Dissector({})
    try:
        return Names(dissector).protocol_categories()
    finally:
        dissector.close()


def labels_by_group(config: MeterConfig) -> dict[str, list[str]]:
    """Labels by group, both sorted; see the door."""
    from .rules import Rules

    groups: dict[str, set[str]] = {}
    for label, group in (_ndpi_labels() if config.dpi else {"Unknown": "Unspecified"}).items():
        groups.setdefault(group, set()).add(label)
    rules = Rules.from_config(config)
    for group, labels in (rules.groups() if rules else {}).items():
        groups.setdefault(group, set()).update(labels)
    return {group: sorted(labels) for group, labels in sorted(groups.items())}


def risk_names(bits: int) -> list[str]:
    """Texts of the risks whose bits are set, by number; bits that nDPI does not name are shown as 'Risk n'."""
    from .ndpi import risk_list

    names = risk_list()
    return [names.get(bit, f"Risk {bit}") for bit in range(64) if bits >> bit & 1]
