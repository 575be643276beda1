"""The labels and risks that there are, and the binding they come from."""

import pytest

from tapiary.config import MeterConfig, Rule
from tapiary.errors import Unavailable
from tapiary.meter import labels_by_group, ndpi_version, risk_names
from tapiary.meter.ndpi import Binding


def test_groups_are_ndpis_and_the_users() -> None:
    groups = labels_by_group(
        MeterConfig(rules=[Rule(label="Mine", group="Ours", port=[1]), Rule(label="Web2", group="Web", port=[2])])
    )
    assert groups["Ours"] == ["Mine"]
    assert "Web2" in groups["Web"]
    assert "HTTP" in groups["Web"]
    assert sum(map(len, groups.values())) > 300
    assert all(labels == sorted(labels) for labels in groups.values())


def test_without_dpi_only_the_rules() -> None:
    groups = labels_by_group(MeterConfig(dpi=False, rules=[Rule(label="Mine", group="Ours", port=[1])]))
    assert groups == {"Ours": ["Mine"], "Unspecified": ["Unknown"]}


def test_risks() -> None:
    assert risk_names(0) == []
    assert risk_names(1 << 5) == ["Known Proto on Non Std Port"]
    assert len(risk_names((1 << 5) | (1 << 10))) == 2
    assert risk_names(-(1 << 63))[-1] == "Risk 63"


def test_version() -> None:
    assert ndpi_version().startswith("5.0")


@pytest.mark.parametrize("what", ["version", "size"])
def test_another_ndpi_is_refused(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    if what == "version":
        monkeypatch.setattr("tapiary.meter.ndpi.WANTED", "6.1")
    else:
        monkeypatch.setattr("tapiary.meter._native.max_result_size", lambda: 40)
    with pytest.raises(Unavailable, match=r"nfstream==6\.6\.0"):
        Binding()
