"""Tables of every format that was ever released are still read and written."""

from __future__ import annotations

import shutil
from pathlib import Path

from tapiary.config import StoreConfig
from tapiary.schema import FLOW_COLUMNS, FORMAT_VERSION, address_text
from tapiary.store import Store
from tests.store.rows import flows

SAMPLES = Path(__file__).parent / "samples"


def test_there_is_a_sample_of_each_format() -> None:
    assert {p.name for p in SAMPLES.iterdir() if p.is_dir() and p.name.isdigit()} == {
        str(n) for n in range(1, FORMAT_VERSION + 1)}


def test_the_first_format(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "1", tmp_path / "tables")
    store = Store(StoreConfig(path=str(tmp_path / "tables")))
    rows = store.query("SELECT * FROM flows WHERE run_id = 2 ORDER BY flow_id").dicts()
    assert set(rows[0]) == {c.name for c in FLOW_COLUMNS} | {"day"}
    assert [(r["job_id"], r["label"], address_text(r["client_ip"]), r["server_name"], str(r["day"])) for r in rows] == [
        (20, "TLS.Google", "192.0.2.1", "example.org", "2023-11-14"), (20, "DNS", "2001:db8::1", None, "2023-11-15"),
        (20, "Unknown", "10.0.0.1", None, "2023-11-14")]
    assert rows[0]["packet_sizes"] == [60, -1500]
    assert store.query("SELECT count(*), sum(frame_count) FROM packets").fetchall() == [(8, 8)]
    with store.writer(3, 30) as run:
        run.write("flows", flows(1))
        run.commit()
    assert store.drop_runs([1]) == 7
    assert store.query("SELECT run_id, count(*) FROM flows GROUP BY 1 ORDER BY 1").fetchall() == [(2, 3), (3, 1)]
    store.close()
