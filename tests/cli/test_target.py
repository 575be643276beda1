"""Which capture and which flows a command means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from tapiary.cli.target import _conditions, flow_filter
from tapiary.errors import InvalidInput

if TYPE_CHECKING:
    from tests.cli.conftest import Run

CONTEXT = click.Context(click.Command("x"))
PARAMETER = click.Option(["--where"])


@pytest.mark.parametrize(("text", "pair"), [
    ("protocol=17", ("protocol", "17")), ("protocol == 17", ("protocol", "17")), ("bytes>1000", ("bytes", ">1000")),
    ("bytes>=1000", ("bytes", ">=1000")), ("bytes <= 5", ("bytes", "<= 5")), ("label!=DNS", ("label", "!DNS")),
    ("server_name=", ("server_name", "")), ("user_agent=a=b", ("user_agent", "a=b")), ("note!=", ("note", "!")),
])
def test_conditions(text: str, pair: tuple[str, str]) -> None:
    assert _conditions(CONTEXT, PARAMETER, (text,)) == (pair,)


@pytest.mark.parametrize("text", ["protocol", "=17", "", "label!DNS", ">5"])
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(click.BadParameter):
        _conditions(CONTEXT, PARAMETER, (text,))


def test_the_filter() -> None:
    found = flow_filter("TLS", "10.0.0.0/8", 443, (1, 2), (("bytes", ">5"),))
    assert (found.label, found.ip, found.flow_ids) == ("TLS", "10.0.0.0/8", (1, 2))
    assert found.where == (("bytes", ">5"), ("port", "443"))
    with pytest.raises(InvalidInput) as caught:
        flow_filter(None, "10.0.0.0/33", None, (), ())
    assert caught.value.field == "ip"


def test_nothing_processed_yet(tapiary: Run) -> None:
    result = tapiary("flows")
    assert result.code == 3
    assert "tapiary process" in result.err


def test_a_capture_by_path_name_job_or_as_the_last(
    processed: Run, sample: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(sample.parent)
    for words in ([sample], [sample.name], ["1"], ["--job", "1"], []):
        assert len(processed("flows", *words, "--json").objects()) == 27
    assert processed("flows", sample, "--job", "1").code == 2
    for words in (["none.pcap"], ["--job", "7"], ["7"]):
        result = processed("flows", *words)
        assert result.code == 3
        assert len(result.err.splitlines()) == 1


def test_a_file_without_rows_says_why(tapiary: Run, tmp_path: Path, sample: Path) -> None:
    broken = tmp_path / "data" / "repository" / "broken.pcap"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no capture at all, whatever its name says")
    assert tapiary("process", broken).code == 1
    result = tapiary("flows", broken)
    assert result.code == 3
    assert "could not be processed" in result.err
    fresh = broken.with_name("fresh.pcap")
    fresh.write_bytes(sample.read_bytes())
    os.utime(fresh, (1e9, 1e9))
    tapiary("files")
    result = tapiary("flows", "fresh.pcap")
    assert result.code == 3
    assert f"tapiary process {fresh}" in result.err


def test_a_label_without_flows_is_told_with_the_nearest(processed: Run, tmp_path: Path) -> None:
    for words in (["flows"], ["flows", "--json"], ["stats"], ["packets", "-o", tmp_path / "x.pcap"]):
        result = processed(*words, "--label", "TLS")
        assert result.code == 0
        assert "did you mean TLS.DoH_DoT, TLS.Github, TLS.Google" in result.err
        assert "--where master=TLS" in result.err
        assert "did you mean Web?" in processed(*words, "--label", "Webb").err
        assert "no flow of" not in processed(*words, "--label", "web", "--port", "1").err
    assert len(processed("flows", "--where", "master=TLS", "--json").objects()) == 6
    assert processed("flows", "--label", "zzz").err.splitlines()[0].endswith("label, application or group 'zzz'")
