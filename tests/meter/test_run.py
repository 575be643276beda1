"""One run of the meter: from bytes to batches and totals."""

from __future__ import annotations

import gzip
import io
import os
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from tapiary.config import MeterConfig, Rule
from tapiary.errors import InvalidInput, NotFound
from tapiary.meter import MeterResult, Progress, meter
from tapiary.meter.arrow import batch_columns, tunnel_text
from tapiary.meter.run import ONE_THREAD_BYTES
from tapiary.schema import STATISTICS_GROUPS, arrow_type


def run(source: object, **settings: object) -> tuple[pa.Table, MeterResult]:
    """All flows of a source in the order of their first packets, and the totals."""
    running = meter(source, MeterConfig(**settings))  # type: ignore[arg-type]
    batches = [m.flows for m in running if m.flows is not None]
    if not batches:
        return pa.table({}), running.result
    plain = [
        pa.RecordBatch.from_arrays(
            [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in b.columns], b.schema.names
        )
        for b in batches
    ]
    return pa.Table.from_batches(plain).sort_by("flow_id"), running.result


def many(sample: Path) -> bytes:
    """The sample's packets again and again, a minute apart, until it takes more than one thread."""
    data = sample.read_bytes()
    packets = data[24:]
    copies = []
    for minute in range(ONE_THREAD_BYTES // len(packets) + 2):
        moved, at = bytearray(packets), 0
        while at < len(moved):
            second = int.from_bytes(moved[at : at + 4], "little") + 60 * minute
            moved[at : at + 4] = second.to_bytes(4, "little")
            at += 16 + int.from_bytes(moved[at + 8 : at + 12], "little")
        copies.append(bytes(moved))
    return data[:24] + b"".join(copies)


def test_columns_are_those_of_the_schema(sample: Path) -> None:
    running = meter(sample, MeterConfig())
    batch = next(m.flows for m in running if m.flows is not None)
    running.close()
    columns = batch_columns(STATISTICS_GROUPS)
    assert batch.schema.names == [column.name for column in columns]
    for column, field in zip(columns, batch.schema, strict=True):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        wanted = arrow_type(column)
        assert kind == wanted or (column.type == "timestamp" and kind == pa.int64()), column.name
        assert column.nullable or batch.column(column.name).null_count == 0, column.name
    batch.validate(full=True)


def test_labels_and_totals(sample: Path) -> None:
    flows, result = run(sample)
    assert sum(result.labels.values()) == result.flows == flows.num_rows
    assert {"DNS", "NTP"} <= {label.split(".")[0] for label in result.labels}
    names = {row["server_name"] for row in flows.select(["server_name"]).to_pylist()}
    assert any(names)
    packets = sum(flows["client_packets"].to_pylist()) + sum(flows["server_packets"].to_pylist())
    assert packets + sum(result.not_flows.values()) == result.packets
    assert result.dissections <= result.packets
    assert result.bytes == sample.stat().st_size


def test_nothing_is_dissected_without_dpi(sample: Path) -> None:
    flows, result = run(sample, dpi=False)
    assert result.dissections == 0
    assert set(result.labels) == {"Unknown"}
    assert flows["confidence"].null_count == flows.num_rows


def test_fewer_dissections_are_fewer_calls(sample: Path) -> None:
    _, few = run(sample, dissections=1)
    _, all_ = run(sample)
    assert few.dissections == few.flows < all_.dissections


def test_groups_are_left_out(sample: Path) -> None:
    flows, _ = run(sample, statistics=["sizes"])
    assert "size_mean" in flows.column_names
    assert "gap_us_mean" not in flows.column_names


def test_same_input_same_result_on_several_threads(sample: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.pcap"
    long.write_bytes(many(sample))
    first, result = run(long, threads=3)
    assert result.threads == 3
    again, _ = run(long, threads=3)
    assert first.equals(again)
    one, alone = run(long, threads=1)
    assert alone.threads == 1
    names = [
        c for c in first.column_names if c not in ("label", "application", "master", "category", "confidence", "risks")
    ]
    assert first.select(names).equals(one.select(names))


def test_streams_and_compressions_give_the_same(sample: Path, tmp_path: Path) -> None:
    data = sample.read_bytes()
    expected, plain = run(sample)
    packed = tmp_path / "sample.pcap.gz"
    packed.write_bytes(gzip.compress(data))
    for source in (io.BytesIO(data), packed, io.BytesIO(packed.read_bytes()), io.BytesIO(_zstd(data))):
        flows, result = run(source, threads=1)
        assert flows.equals(expected)
        assert result.labels == plain.labels
    assert result.compression == "zstd"


@pytest.mark.parametrize("where", [0.3, 0.9, 1.0])
def test_damaged_gzip_is_read_up_to_the_damage(sample: Path, where: float) -> None:
    packed = bytearray(gzip.compress(sample.read_bytes()))
    packed[int((len(packed) - 8) * where)] ^= 0xFF
    flows, result = run(io.BytesIO(bytes(packed)))
    everything, _ = run(sample)
    assert 0 < flows.num_rows <= everything.num_rows
    assert result.anomalies["truncated_file"] == 1
    assert where < 1 or flows.num_rows == everything.num_rows


def test_a_slow_pipe(sample: Path) -> None:
    data = sample.read_bytes()
    reading, writing = os.pipe()

    def drip() -> None:
        with open(writing, "wb", buffering=0) as out:
            for at in range(0, len(data), 1013):
                out.write(data[at : at + 1013])

    feeder = threading.Thread(target=drip)
    feeder.start()
    with open(reading, "rb") as pipe:
        flows, _ = run(pipe, threads=1)
    feeder.join()
    assert flows.equals(run(sample)[0])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"not a capture at all, but long enough to be one",
        gzip.compress(b"no", mtime=0),
        b"\x1f\x8b",
        b"\x28\xb5\x2f\xfd",
    ],
)
def test_no_capture(data: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        run(io.BytesIO(data))
    assert caught.value.field == "file"


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"there\.pcap"):
        meter(tmp_path / "there.pcap", MeterConfig())
    with pytest.raises(InvalidInput, match="folder"):
        meter(tmp_path, MeterConfig())


def test_progress_comes_and_ends_with_all(sample: Path) -> None:
    seen: list[Progress] = []
    running = meter(sample, MeterConfig(), progress=seen.append)
    for _ in running:
        pass
    assert seen[-1].packets == running.result.packets
    assert seen[-1].bytes == seen[-1].total_bytes == sample.stat().st_size


def test_cancelled(sample: Path) -> None:
    running = meter(sample, MeterConfig(), cancelled=lambda: True)
    assert list(running) == []
    with pytest.raises(Exception, match="not come to the end"):
        _ = running.result


def test_close_in_the_middle(sample: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.pcap"
    long.write_bytes(many(sample))
    running = meter(long, MeterConfig(threads=2, dpi=False))
    next(iter(running))
    running.close()
    running.close()
    assert list(running) == []


def test_a_rule_wins(sample: Path) -> None:
    rule = Rule(label="Mine", group="Ours", protocol="udp", note="seen by a rule")
    flows, result = run(sample, rules=[rule])
    rows = [row for row in flows.to_pylist() if row["protocol"] == 17]
    assert rows
    assert {(row["label"], row["category"], row["note"], row["confidence"]) for row in rows} == {
        ("Mine", "Ours", "seen by a rule", "User rule")
    }
    assert result.labels["Mine"] == len(rows)


def test_what_ndpi_does_not_take_is_named(sample: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no\.such") as caught:
        run(sample, ndpi={"no.such": 1})
    assert caught.value.field == "meter.ndpi.no.such"


def test_fingerprints_can_be_switched_off(sample: Path) -> None:
    with_ja4, _ = run(sample)
    without, _ = run(sample, ndpi={"tls,metadata.ja4c_fingerprint": False})
    assert with_ja4["ja4"].null_count < with_ja4.num_rows
    assert without["ja4"].null_count == without.num_rows


def test_tunnel_text() -> None:
    assert tunnel_text(0) is None
    assert tunnel_text(5) == "GTP-U"
    assert tunnel_text(1 | 9 << 4) == "IPIP/VXLAN"


def _zstd(data: bytes) -> bytes:
    codec = pa.Codec("zstd")
    return bytes(codec.compress(data, asbytes=True))


def test_a_stream_that_nobody_else_holds(sample: Path) -> None:
    running = meter(sample.open("rb"), MeterConfig(dpi=False))
    assert sum(found.flows.num_rows for found in running if found.flows is not None) == running.result.flows > 0


def test_the_bytes_of_a_packed_pipe_are_the_packed_ones(sample: Path) -> None:
    packed = gzip.compress(sample.read_bytes()[:20_000])
    reading, writing = os.pipe()
    os.write(writing, packed)
    os.close(writing)
    running = meter(os.fdopen(reading, "rb"), MeterConfig(dpi=False))
    list(running)
    assert running.result.bytes == len(packed)
