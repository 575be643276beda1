"""The binary search tree of a MaxMind DB file, walked for many addresses at once.

Format: https://maxmind.github.io/MaxMind-DB/ (version 2.0). A node holds two records of 24, 28 or 32 bits; a record
below the number of nodes is the next node, equal to it means "no data", above it points into the data section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .addresses import Addresses, factorize

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

#: Depths at which addresses that share their prefix are walked as one: real traffic comes from few networks, and the
#: upper levels of the tree are the same for all of its addresses.
_STAGES_IPV4_NETWORK = (16, 24)
_STAGES_IPV6 = (16, 32, 48, 64, 128)

#: IPv4 networks (/24) whose place in the tree is remembered, at 16 bytes each.
CACHED_NETWORKS = 1_000_000

#: Addresses that are walked together: their temporary arrays stay in the processor's second cache.
_CHUNK = 16384

#: Bytes between the search tree and the data section.
SEPARATOR = 16


class CorruptTree(ValueError):
    """The file's sizes contradict each other."""


class SearchTree:
    """A read-only view of the tree part of one file; nothing is read before it is walked."""

    def __init__(self, path: Path, metadata: Any) -> None:
        self.node_count = int(metadata.node_count)
        self.record_size = int(metadata.record_size)
        self.ip_version = int(metadata.ip_version)
        if self.record_size not in (24, 28, 32):
            raise CorruptTree(f"records of {self.record_size} bits")
        if self.ip_version not in (4, 6):
            raise CorruptTree(f"IP version {self.ip_version}")
        self._node_bytes = self.record_size // 4
        size = self.node_count * self._node_bytes
        # A plain ndarray over the mapping: numpy.memmap's own indexing is slower.
        self.file = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
        if size + SEPARATOR >= len(self.file):
            raise CorruptTree("the search tree is longer than the file")
        self.data = self.file[size + SEPARATOR:]
        # Every offset read as one big-endian word; the strided view copies nothing.
        self._words: NDArray[np.uint32] = np.ndarray(
            shape=(len(self.file) - 3,), dtype=">u4", buffer=self.file.data, strides=(1,)
        )
        self._ipv4_root: int | None = None
        self._networks = np.empty(0, np.int64)
        self._network_nodes = np.empty(0, np.int64)

    def leaves(self, addresses: Addresses) -> NDArray[np.int64]:
        """For each address the offset of its record in the data section, -1 where there is none.

        Raises CorruptTree when a record points outside the file.
        """
        found = np.full(len(addresses.high), -1, np.int64)
        ipv4 = addresses.is_ipv4
        rows = np.flatnonzero(ipv4)
        if len(rows):
            found[rows] = self._walk_ipv4((addresses.low[rows] & np.uint64(0xFFFFFFFF)).astype(np.int64))
        rows = np.flatnonzero(~ipv4)
        if len(rows) and self.ip_version == 6:
            found[rows] = self._walk(Addresses(addresses.high[rows], addresses.low[rows]), _STAGES_IPV6, 0)
        # What is still inside the tree after the last bit belongs to a broken file, and has no data.
        found -= self.node_count + SEPARATOR
        if len(found) and int(found.max()) >= len(self.data):
            raise CorruptTree("a record points beyond the end of the file")
        found[found < 0] = -1
        return found

    def _root_of_ipv4(self) -> int:
        """The node at which IPv4 begins: the root, or the end of ::/96 in an IPv6 tree (may be a leaf already)."""
        if self._ipv4_root is None:
            node = 0
            for _ in range(96 if self.ip_version == 6 else 0):
                if node >= self.node_count:
                    break
                # Left records, one after the other: arrays of one element would take a hundred times as long.
                word = int.from_bytes(self.file[node * self._node_bytes:][:4].tobytes(), "big")
                left = word >> 8 | (word & 0xF0) << 20
                node = word if self.record_size == 32 else left if self.record_size == 28 else word >> 8
            self._ipv4_root = node
        return self._ipv4_root

    def _walk_ipv4(self, addresses: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where 32-bit addresses end; what was found for a /24 is kept, as most addresses share theirs with others."""
        root = self._root_of_ipv4()
        if root >= self.node_count:
            return np.full(len(addresses), root, np.int64)
        networks, places = factorize(addresses >> 8)
        if len(self._networks) > CACHED_NETWORKS:
            self._networks, self._network_nodes = np.empty(0, np.int64), np.empty(0, np.int64)
        at, known = self._seen(networks)
        fresh = networks[~known]
        if len(fresh):
            # IPv4 lies left-aligned in the high half, so that one walk serves both versions.
            high = fresh.astype(np.uint64) << np.uint64(40)
            self._keep(fresh, self._walk(Addresses(high, np.zeros_like(high)), _STAGES_IPV4_NETWORK, root))
            at, _ = self._seen(networks)
        nodes: NDArray[np.int64] = self._network_nodes[at][places]
        deeper = np.flatnonzero(nodes < self.node_count)
        if len(deeper):
            high = addresses[deeper].astype(np.uint64) << np.uint64(32)
            nodes[deeper] = self._descend(nodes[deeper], high, high, 24, 32)
        return nodes

    def _seen(self, networks: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """(places among the networks that are kept, which of them are there)."""
        if not len(self._networks):
            return np.zeros(len(networks), np.intp), np.zeros(len(networks), bool)
        at = np.minimum(np.searchsorted(self._networks, networks), len(self._networks) - 1)
        return at, self._networks[at] == networks

    def _keep(self, networks: NDArray[np.int64], nodes: NDArray[np.int64]) -> None:
        """Add networks that are not kept yet."""
        merged = np.concatenate((self._networks, networks))
        order = np.argsort(merged)
        self._networks = merged[order]
        self._network_nodes = np.concatenate((self._network_nodes, nodes))[order]

    def _walk(self, addresses: Addresses, stages: tuple[int, ...], root: int) -> NDArray[np.int64]:
        """Where the addresses stand after the last stage: at a record outside the tree, or at a node that is deeper."""
        order = _order(addresses, stages[-1])
        high, low = addresses.high[order], addresses.low[order]
        nodes: NDArray[np.int64] = np.full(len(high), root, np.int64)
        depth = 0
        for stage in stages:
            open_ = np.flatnonzero(nodes < self.node_count)
            if not len(open_):
                break
            if stage > 64:
                nodes[open_] = self._descend(nodes[open_], high[open_], low[open_], depth, stage)
            else:
                prefix = high[open_] >> np.uint64(64 - stage)
                first = np.flatnonzero(np.concatenate(([True], prefix[1:] != prefix[:-1])))
                sizes = np.diff(np.append(first, len(open_)))
                one = open_[first]
                nodes[open_] = np.repeat(self._descend(nodes[one], high[one], low[one], depth, stage), sizes)
            depth = stage
        result: NDArray[np.int64] = np.empty(len(nodes), np.int64)
        result[order] = nodes
        return result

    def _descend(
        self, nodes: NDArray[np.int64], high: NDArray[np.uint64], low: NDArray[np.uint64], start: int, end: int
    ) -> NDArray[np.int64]:
        """Follow the bits from `start` to `end` of each address; stops where a record leaves the tree."""
        if len(nodes) <= _CHUNK:
            return self._descend_chunk(nodes, high, low, start, end)
        chunks = [slice(first, first + _CHUNK) for first in range(0, len(nodes), _CHUNK)]
        return np.concatenate([self._descend_chunk(nodes[c], high[c], low[c], start, end) for c in chunks])

    def _descend_chunk(
        self, nodes: NDArray[np.int64], high: NDArray[np.uint64], low: NDArray[np.uint64], start: int, end: int
    ) -> NDArray[np.int64]:
        result = nodes.copy()
        active: NDArray[np.intp] | None = None
        for depth in range(start, end):
            word, shift = (high, 63 - depth) if depth < 64 else (low, 127 - depth)
            bits = (word >> np.uint64(shift)).astype(np.int64) & 1
            nodes = self._child(nodes, bits)
            inside = nodes < self.node_count
            left = int(np.count_nonzero(inside))
            if left == len(nodes):
                continue
            if active is None:
                active = np.arange(len(result))
            result[active] = nodes
            if not left:
                return result
            active, nodes, high, low = active[inside], nodes[inside], high[inside], low[inside]
        if active is None:
            return nodes
        result[active] = nodes
        return result

    def _child(self, nodes: NDArray[np.int64], bits: NDArray[np.int64]) -> NDArray[np.int64]:
        """The left (bit 0) or right (bit 1) record of each node."""
        base = nodes * self._node_bytes
        # The word at 3 × bit holds the whole record: for 28 bits the left one keeps its top nibble behind it.
        step = 4 if self.record_size == 32 else 3
        words: NDArray[np.int64] = self._words[base + bits * step].astype(np.int64)
        if self.record_size == 24:
            words >>= 8
        elif self.record_size == 28:
            words = np.where(bits == 1, words & 0x0FFFFFFF, (words >> 8) | ((words & 0xF0) << 20))
        return words


def _order(addresses: Addresses, bits: int) -> NDArray[np.int64]:
    """The order that puts addresses with a common prefix side by side."""
    if bits > 64:
        return np.lexsort((addresses.low, addresses.high))
    # Sorting numbers is several times as fast as sorting indices: the row rides in the low half.
    packed = np.sort(addresses.high | np.arange(len(addresses.high), dtype=np.uint64))
    return (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
