"""Plain pcap files: whole records, appending, merging."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tapiary.capture.drone import pcap
from tapiary.capture.drone.growing import whole_bytes
from tapiary.errors import InvalidInput
from tests.capture.drone.captures import pcap as make
from tests.capture.drone.captures import times_in, write


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_end_of_the_last_whole_record_at_every_cut(tmp_path: Path, order: str) -> None:
    data = make([1.0, 2.0, 3.0], order=order, size=40)
    path = tmp_path / "a"
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        whole = 0 if size < 24 else 24 + (size - 24) // 56 * 56
        assert pcap.sound_bytes(path) == whole
        assert whole_bytes(data[24:size], order) == max(0, whole - 24)


def test_many_blocks(tmp_path: Path) -> None:
    data = make([float(n) for n in range(5000)], size=1000)
    path = write(tmp_path / "a", data)
    assert pcap.sound_bytes(path) == len(data)
    path.write_bytes(data[:-1])
    assert pcap.sound_bytes(path) == len(data) - 1016


def test_damage_ends_what_is_sound(tmp_path: Path) -> None:
    data = make([1.0]) + b"\xff" * 100
    assert pcap.sound_bytes(write(tmp_path / "a", data)) == len(data) - 100
    assert pcap.sound_bytes(write(tmp_path / "b", b"no capture at all, only text")) == 0


def test_appending_and_merging(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1", make([1.0, 4.0])), write(tmp_path / "2", make([5.0, 6.5]))
    third = write(tmp_path / "3", make([0.5, 4.5, 7.0]))
    with (tmp_path / "out").open("w+b") as out:
        pcap.append(out, first)
        pcap.append(out, second)
    assert times_in((tmp_path / "out").read_bytes()) == [1.0, 4.0, 5.0, 6.5]
    merged = io.BytesIO()
    pcap.merge([[first, second], [third]], merged)
    assert times_in(merged.getvalue()) == [0.5, 1.0, 4.0, 4.5, 5.0, 6.5, 7.0]


def test_different_link_types_do_not_go_together(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1", make([1.0])), write(tmp_path / "2", make([1.0], link_type=113))
    with pytest.raises(InvalidInput, match="link types"):
        pcap.merge([[first], [second]], io.BytesIO())
    with (tmp_path / "out").open("w+b") as out, pytest.raises(InvalidInput):
        pcap.append(out, first)
        pcap.append(out, second)
