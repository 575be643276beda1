"""One-minute aggregates, compared with the same made of the flows in Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest

from tapiary.services.queries.minutes import NAMES
from tests.services.people import CLEO
from tests.services.queries.conftest import Ask, Row

Keys = Callable[[Row], list[dict[str, object]]]


def ends(*pairs: tuple[str, str]) -> Keys:
    """A group for each end of a flow: the group's field by the flow's `client…` or `server…` one."""
    return lambda flow: [
        {"direction": side, **{name: flow[side + field] for name, field in pairs}} for side in ("client", "server")]


PAIR = ("clientIp", "serverIp", "serverPort", "protocol")
GROUPS: dict[str, Keys] = {
    "netflowTotalAggr": lambda flow: [{}],
    "netflowByAppAggr": lambda flow: [{"application": flow["application"]}],
    "netflowByAppsAggr": lambda flow: [{"application": flow["application"]}],
    "netflowByAsnAggr": ends(("asNumber", "AsNumber"), ("asName", "AsName")),
    "netflowByCountryAggr": ends(("country", "Country")),
    "netflowByGroupAggr": lambda flow: [{"group": flow["category"]}],
    "netflowByIpAggr": ends(("ipAddress", "Ip"), ("countryCode", "Country")),
    "netflowByProtocolAggr": lambda flow: [{"protocol": flow["protocol"]}],
    "assetNetflowAggr": lambda flow: [{name: flow[name] for name in PAIR}],
}
SUMS = ("clientBytes", "serverBytes", "clientPackets", "serverPackets", "bytes", "packets", "bits", "flows")


@pytest.mark.parametrize("name", GROUPS)
def test_sums_of_flows(ask: Ask, name: str) -> None:
    wanted: dict[tuple[object, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(SUMS, 0))
    spans: dict[tuple[object, ...], list[int]] = defaultdict(list)
    flows = ask('src stream="netflow"', CLEO)
    names = ["timestamp", *GROUPS[name](flows[0])[0]]
    for flow in flows:
        for group in GROUPS[name](flow):
            key = (flow["timestamp"] // 60_000 * 60_000, *group.values())
            spans[key] += [flow["firstTimestamp"], flow["lastTimestamp"]]
            for each in SUMS:
                wanted[key][each] += flow[each]
    rows = {tuple(row[each] for each in names): row for row in ask(f'src stream="{name}"', CLEO)}
    assert set(rows) == set(wanted)
    for key, sums in wanted.items():
        assert {each: rows[key][each] for each in SUMS} == sums
        assert rows[key]["sessions"] == sums["flows"]
        assert rows[key]["bitsPerSecond"] == pytest.approx(sums["bits"] / 60)
        assert abs(rows[key]["activeTime"] - min(60_000, max(spans[key]) - min(spans[key]))) <= 1
        assert rows[key]["_stream"] == name


def test_a_range_has_whole_minutes(ask: Ask) -> None:
    moments = sorted({row["timestamp"] for row in ask('src stream="netflowTotalAggr"', CLEO)})
    first = moments[0]
    for start, end in ((first, first + 60_000), (first - 1, first + 1), (first + 1, None), (None, first)):
        wanted = [m for m in moments if (start is None or m >= start) and (end is None or m < end)]
        rows = ask('src stream="netflowTotalAggr" | sort timestamp', CLEO, start=start, end=end)
        assert [row["timestamp"] for row in rows] == wanted


def test_streams_of_what_packets_do_not_tell_are_empty(ask: Ask) -> None:
    for name in set(NAMES) - set(GROUPS):
        assert ask(f'src stream="{name}" | aggr n=sum(flows) by timestamp') == []


def test_keys_that_are_not_asked_for_still_group(ask: Ask) -> None:
    whole = ask('src stream="netflowByProtocolAggr"', CLEO)
    assert ask('src stream="netflowByProtocolAggr" | aggr n=count(1)', CLEO) == [{"n": len(whole)}]
