"""Networks as steps over the order of addresses: from each step's start on, the same networks hold an address.

By that a search for the networks of many addresses is one merge of two sorted columns (DuckDB's ASOF join) instead of
a comparison of every address with every network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tapiary.query.constants import IPV4

#: A step begins at an address, or behind it: what is appended to the address, so that both sort as bytes do.
AT, BEHIND = b"\0", b"\1"
_COMPLEMENT = bytes(range(255, -1, -1))


def steps(networks: Sequence[bytes | None], rows: Sequence[int | None]) -> list[tuple[bytes, list[int]]]:
    """The steps of stored networks: the start, and the rows of the networks from there on, the narrowest first.

    IPv4 lies inside of IPv6's order but is held by its own networks alone. The rows of equal networks stay in order.
    """
    ipv4: dict[tuple[bytes, bytes], list[int]] = {}
    ipv6: dict[tuple[bytes, bytes], list[int]] = {}
    for network, row in sorted(zip(networks, rows, strict=True), key=lambda pair: pair[1] or 0):
        if network is None or row is None:
            continue
        first, last = network[:16], network[16:32]
        group = ipv4 if IPV4[0] <= first and last <= IPV4[1] else ipv6
        group.setdefault((first, last), []).append(row)
    found = _steps(ipv6)
    before, behind = IPV4[0] + AT, IPV4[1] + BEHIND
    if behind not in found:
        around = [start for start in found if start < before]
        found[behind] = found[max(around)] if around else []
    found = {**found, before: [], **_steps(ipv4), behind: found[behind]}
    return sorted(found.items())


def _steps(networks: dict[tuple[bytes, bytes], list[int]]) -> dict[bytes, list[int]]:
    """The steps of networks of one family, of which two never overlap but one may hold the other."""
    found: dict[bytes, list[int]] = {}
    open_networks: list[bytes] = []
    holding: list[list[int]] = [[]]
    for (first, last), rows in sorted(networks.items(), key=_outer_first):
        _close(open_networks, holding, found, (last_open for last_open in open_networks[::-1] if last_open < first))
        open_networks.append(last)
        holding.append(rows + holding[-1])
        found[first + AT] = holding[-1]
    _close(open_networks, holding, found, open_networks[::-1])
    return found


def _outer_first(network: tuple[tuple[bytes, bytes], list[int]]) -> tuple[bytes, bytes]:
    (first, last), _ = network
    return first, last.translate(_COMPLEMENT)


def _close(
    open_networks: list[bytes], holding: list[list[int]], found: dict[bytes, list[int]], ended: Iterable[bytes]
) -> None:
    for last in list(ended):
        open_networks.pop()
        holding.pop()
        found[last + BEHIND] = holding[-1]
