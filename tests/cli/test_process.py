"""`tapiary process` on real captures: what it prints, writes, keeps and leaves alone."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run

MEMBERS = ["file", "packets", "bytes", "flows", "labels", "anomalies", "seconds"]


def test_json_has_the_documented_members_first(tapiary: Run, sample: Path) -> None:
    result = tapiary("process", "--json", sample)
    assert (result.code, result.err) == (0, "")
    (found,) = result.objects()
    assert list(found)[:7] == MEMBERS
    assert found["file"] == str(sample)
    assert found["bytes"] == sample.stat().st_size
    assert found["flows"] == sum(found["labels"].values()) == 27
    assert found["labels"]["TLS.Google"] == 1
    assert found["anomalies"] == {}
    assert found["job_id"] == 1
    assert found["time_start"] == 1760000000.0


def test_the_summary_is_for_people(tapiary: Run, sample: Path) -> None:
    text = tapiary("process", sample).out
    assert "\x1b" not in text
    for words in ("sample.pcap (job 1)", "packets  529", "flows    27", "labels", "DNS", "not IP (packets)"):
        assert words in text


def test_processing_again_replaces_the_rows(processed: Run, sample: Path) -> None:
    assert processed("process", sample).code == 0
    (view,) = processed("files", "--all", "--json").objects()
    assert (view["flows"], view["job_id"], view["state"]) == (27, 2, "finished")
    assert len(processed("flows", "--json").objects()) == 27


def test_without_tables_the_figures_are_the_same_and_nothing_is_kept(
    tapiary: Run, sample: Path, tmp_path: Path,
) -> None:
    (alone,) = tapiary("process", "--json", "--no-store", sample).objects()
    assert not (tmp_path / "data").exists()
    (stored,) = tapiary("process", "--json", sample).objects()
    for key in stored:
        if key not in ("seconds", "job_id"):
            assert alone[key] == stored[key], key
    assert "job_id" not in alone


def test_standard_input(tapiary: Run, sample: Path) -> None:
    (found,) = tapiary("process", "--json", "-", stdin=sample.read_bytes()).objects()
    assert (found["file"], found["flows"]) == ("-", 27)
    packed = gzip.compress(sample.read_bytes())
    assert tapiary("process", "-", "--name", "probe 7", stdin=packed).code == 0
    names = [view["name"] for view in tapiary("files", "--all", "--json").objects()]
    assert names == ["probe 7", "stdin"]
    assert len(tapiary("flows", "probe 7", "--json").objects()) == 27


def test_a_file_that_fails_does_not_stop_the_others(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(b"this is no capture at all")
    result = tapiary("process", "--json", tmp_path / "missing.pcap", broken, sample)
    assert result.code == 1
    assert [found["file"] for found in result.objects()] == [str(sample)]
    missing, not_capture = result.err.splitlines()
    assert missing.startswith(f"tapiary: {tmp_path / 'missing.pcap'}: ")
    assert not_capture.startswith(f"tapiary: {broken}: ")


@pytest.mark.parametrize("store", [[], ["--no-store"]])
def test_only_a_missing_file(tapiary: Run, tmp_path: Path, store: list[str]) -> None:
    result = tapiary("process", *store, tmp_path / "missing.pcap")
    assert (result.code, result.out) == (3, "")
    assert len(result.err.splitlines()) == 1


def test_a_folder_and_several_captures(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    shutil.copy(sample, folder / "a.pcap")
    (folder / "b.pcap.gz").write_bytes(gzip.compress(sample.read_bytes()))
    (folder / "README").write_text("not a capture")
    text = tapiary("process", folder).out
    assert "2 captures" in text
    assert "flows    54" in text
    (tmp_path / "empty").mkdir()
    assert tapiary("process", tmp_path / "empty").code == 3


def test_exports(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    csv, parquet = tmp_path / "flows.csv", tmp_path / "flows.parquet"
    assert tapiary("process", sample, "--csv", csv, "--parquet", parquet).code == 0
    rows = pandas.read_parquet(parquet)
    assert len(rows) == len(pandas.read_csv(csv)) == 27
    assert set(rows["server_ip"]) >= {"8.8.8.8", "255.255.255.255"}
    assert str(rows["first_seen"].dt.tz) == "UTC"
    assert sorted(os.listdir(tmp_path)) == ["data", "flows.csv", "flows.parquet"]


def test_exports_without_tables(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    result = tapiary("process", sample, "--no-store", "--csv", "-")
    assert len(result.out.splitlines()) == 28
    assert not (tmp_path / "data").exists()


def test_exports_of_several_captures_go_into_a_folder(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    shutil.copy(sample, tmp_path / "x" / "sample.pcap")
    two = (sample, tmp_path / "x" / "sample.pcap")
    assert tapiary("process", *two, "--csv", tmp_path / "out").code == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["sample-2.csv", "sample.csv"]
    text = tapiary("process", *two, "--csv", "-").out.splitlines()
    assert len(text) == 1 + 2 * 27
    assert tapiary("process", *two, "--parquet", "-").code == 2
    assert tapiary("process", *two, "--csv", sample).code == 2


@pytest.mark.parametrize("arguments", [["--json", "--csv", "-"], ["--statistics", "all,flags"], ["--threads", "65"],
                                       ["--idle-timeout", "0"], ["--rules", "/none.toml"]])
def test_wrong_options(tapiary: Run, sample: Path, arguments: list[str]) -> None:
    assert tapiary("process", sample, *arguments).code == 2


def test_options_reach_the_meter(tapiary: Run, sample: Path) -> None:
    (found,) = tapiary("process", "--json", "--no-dpi", sample).objects()
    assert found["labels"] == {"Unknown": 27}
    assert tapiary("process", "--statistics", "none", "--threads", "2", sample).code == 0
    (flow,) = tapiary("flows", "--limit", "1", "--json").objects()
    assert "packet_sizes" not in flow
    (cut,) = tapiary("process", "--json", "--active-timeout", "0.001", sample).objects()
    assert cut["flows"] > 27


def test_rules_of_a_file_win(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nlabel = "Resolver"\ngroup = "Ours"\nport = [53]\nnote = "seen"\n')
    (found,) = tapiary("process", "--json", "--rules", rules, sample).objects()
    assert found["labels"]["Resolver"] == 5
    (flow, *_) = tapiary("flows", "--label", "ours", "--json").objects()
    assert (flow["confidence"], flow["note"]) == ("User rule", "seen")
    rules.write_text('[[rule]]\nlabel = "X"\ngroup = "G"\nport = [70000]\n')
    result = tapiary("process", "--rules", rules, sample, sample.parent)
    assert result.code == 4
    assert "rule" in result.err
    assert "70000" in result.err or "65535" in result.err


def test_a_bug_that_one_capture_meets_does_not_cost_the_others(
    tapiary: Run, sample: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tapiary.services.ingest import Ingest

    real = Ingest.process_file

    def fails_once(self: Ingest, source: Path, **options: object) -> object:
        if source.name == "bad":
            raise RuntimeError("odd\npacket")
        return real(self, source, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Ingest, "process_file", fails_once)
    result = tapiary("process", "--json", "bad", sample)
    assert result.code == 1
    assert len(result.objects()) == 1
    assert result.err.startswith("tapiary: bad: internal error: RuntimeError: odd packet")
    assert len(result.err.splitlines()) == 1


def test_a_name_that_is_no_text(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff\xfe.pcap"
    with open(odd, "wb") as file:
        file.write(sample.read_bytes())
    result = tapiary("process", "--json", "--no-store", os.fsdecode(odd))
    assert (result.code, len(result.objects())) == (0, 1)
    result = tapiary("process", "--json", os.fsdecode(odd))
    assert result.code == 1
    assert "rename it" in result.err


def loaded_by(*arguments: str) -> str:
    """The modules that a command line loads, of those that it may have no use for."""
    code = f"""if 1:
        import sys
        from tapiary.cli.run import run
        run({list(arguments)}, own_process=True)
        names = ("duckdb", "deltalake", "sqlalchemy", "alembic", "flask", "pydantic", "pandas", "rich")
        print([name for name in names if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_only_what_it_needs_is_loaded(sample: Path, tmp_path: Path) -> None:
    assert loaded_by("process", "--no-store", "--json", str(sample)) == "[]"
    stored = loaded_by("--data-dir", str(tmp_path / "data"), "process", "--json", str(sample))
    for name in ("duckdb", "alembic", "flask", "pydantic", "pandas", "rich"):
        assert f"'{name}'" not in stored


def test_a_labelled_corpus_file(tapiary: Run, corpus: Path) -> None:
    expected = json.loads((corpus / "expected.json").read_text())
    (found,) = tapiary("process", "--json", "--no-store", corpus / "pcap" / "zoom2.pcap").objects()
    assert found["packets"] == 342
    assert "Zoom" in found["labels"], expected


def test_ctrl_c_leaves_nothing_half_done(sample: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out.csv"
    command = [sys.executable, "-m", "tapiary.cli", "--data-dir", str(data)]
    command_line = [*command, "process", "-", "--csv", str(out)]  # its reader waits for more when Ctrl-C comes
    child = subprocess.Popen(command_line, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(sample.read_bytes())
    child.stdin.flush()
    until = time.monotonic() + 20
    while not (data / "tapiary.db").exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.7)
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=30) == 130  # with the pipe still open
    _, err = child.communicate()
    assert err.decode().split() == ["tapiary:", "interrupted"]
    assert not out.exists()
    done = subprocess.run([*command, "files", "--all", "--json"], capture_output=True, check=True)
    assert all(json.loads(line)["flows"] is None for line in done.stdout.splitlines())
    assert not list((data / "tables").rglob("*.parquet"))


def test_standard_input_is_called_by_its_name(tapiary: Run, sample: Path) -> None:
    data = sample.read_bytes()
    assert tapiary("process", "-", stdin=data).out.startswith("stdin (job 1)\n")
    assert tapiary("process", "--no-store", "--name", "tap", "-", stdin=data).out.startswith("tap\n")


def test_groups_and_countries_are_the_same_with_and_without_tables(tapiary: Run, sample: Path) -> None:
    (stored,), (alone,) = (tapiary("process", "--json", *words, sample).objects() for words in ([], ["--no-store"]))
    assert stored["groups"] == alone["groups"]
    assert stored["countries"] == alone["countries"]
    assert sum(stored["groups"].values()) == stored["flows"]
    counts = {s["title"]: s["content"] for s in tapiary("stats", "--json", "-n", "100").objects()[0]["statistics"]}
    assert {c["label"]: c["count"] for c in counts["groups"]} == stored["groups"]
    assert "\ngroups\n" in tapiary("process", sample).out
