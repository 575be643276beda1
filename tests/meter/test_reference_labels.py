"""The labels of the reference captures against nfstream's."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tapiary.config import MeterConfig
from tapiary.meter import meter

#: Captures whose labels differ from nfstream's, and why (docs/nfstream.md).
EXPLAINED = {
    "capwap.pcap": "nfstream takes what follows a CAPWAP header for IP whatever it is, and labels flows of protocol 0",
    "fuzz-2020-02-16-11740.pcap": "nfstream takes damaged ethertypes for IP and drops fragments",
    "ip_fragmented_garbage.pcap": "nfstream drops fragments that are not the first",
}


def test_labels_agree(corpus: Path) -> None:
    expected = json.loads((corpus / "expected.json").read_text())
    agreed = total = 0
    differing = {}
    for name, entry in expected.items():
        running = meter(corpus / "pcap" / name, MeterConfig(statistics=[], index=False))
        for _ in running:
            pass
        result = running.result
        assert result.packets == entry["packets"], name
        ours, theirs = Counter(result.labels), Counter(entry["nfstream_6_6_0"])
        agreed += sum((ours & theirs).values())
        total += sum(theirs.values())
        if ours != theirs:
            differing[name] = (ours - theirs, theirs - ours)
    assert set(differing) <= set(EXPLAINED), {name: differing[name] for name in set(differing) - set(EXPLAINED)}
    assert agreed / total >= 0.998
