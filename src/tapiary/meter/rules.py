"""The user's rules, which win over nDPI's labels: address, port, protocol and host suffix to label and group.

A rule matches a flow when every criterion that it gives matches; a criterion that lists several values matches
when any of them does. Addresses and ports match at either end of the flow. The first rule that matches wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tapiary.meter.rule_reading import Criteria, read_rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tapiary.config import MeterConfig

#: What the column `confidence` says of a flow that a rule labelled.
CONFIDENCE = "User rule"

#: Upper half of every stored IPv4 address (RFC 4291, 2.5.5.2).
_ZEROS = b"\0" * 8


class Rules:
    """A checked list of rules that is applied to batches of flows."""

    def __init__(self, criteria: Sequence[Criteria]) -> None:
        self._criteria = tuple(criteria)
        self._matchers = [_Matcher(c) for c in criteria]
        self._values = {
            "label": pa.array([c.label for c in criteria], pa.string()),
            "category": pa.array([c.group for c in criteria], pa.string()),
            "confidence": pa.array([CONFIDENCE for _ in criteria], pa.string()),
            "note": pa.array([c.note for c in criteria], pa.string()),
        }

    @classmethod
    def from_config(cls, config: MeterConfig) -> Rules | None:
        """The rules of these settings, None when there are none; raises InvalidInput at a wrong one."""
        criteria = read_rules(config)
        return cls(criteria) if criteria else None

    def groups(self) -> dict[str, list[str]]:
        """The labels that the rules can give, sorted, by their group."""
        groups: dict[str, set[str]] = {}
        for criteria in self._criteria:
            groups.setdefault(criteria.group, set()).add(criteria.label)
        return {group: sorted(labels) for group, labels in sorted(groups.items())}

    def match(self, batch: pa.RecordBatch) -> NDArray[np.int32]:
        """For each flow, the number (from 0) of the first rule that matches it, or -1."""
        flows = _Flows(batch)
        chosen = np.full(batch.num_rows, -1, np.int32)
        for number in range(len(self._matchers) - 1, -1, -1):  # the first rule writes last, and so wins
            mask = self._matchers[number].mask(flows)
            if mask is not None:
                chosen[mask] = number
        return chosen

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with label, category, note and confidence of each matching flow replaced.

        Needs the columns client_ip, server_ip, client_port, server_port, protocol and server_name; of the four
        that are replaced, those that the batch has. Columns keep their types; other columns are shared, not copied.
        """
        chosen = self.match(batch)
        if not (chosen >= 0).any():
            return batch
        columns = batch.columns
        for name, values in self._values.items():
            at = batch.schema.get_field_index(name)
            if at >= 0:
                columns[at] = _replaced(columns[at], values, chosen)
        return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


class _Flows:
    """A batch's columns in the shapes that the matchers compare; each is made when a rule first asks for it."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self.rows = batch.num_rows
        self._suffixes: dict[int, pa.Array] = {}

    def _column(self, name: str) -> pa.Array:
        return self._batch.column(self._batch.schema.get_field_index(name))

    @cached_property
    def addresses(self) -> tuple[tuple[NDArray[np.uint64], NDArray[np.uint64]], ...]:
        """Upper and lower 64 bits of the client's and of the server's address."""
        return _halves(self._column("client_ip")), _halves(self._column("server_ip"))

    @cached_property
    def ports(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        return self._column("client_port").to_numpy(), self._column("server_port").to_numpy()

    @cached_property
    def protocol(self) -> NDArray[np.int16]:
        return self._column("protocol").to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]

    @cached_property
    def _names(self) -> pa.DictionaryArray:
        column = self._column("server_name")
        return column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)

    @cached_property
    def _hosts(self) -> pa.Array:
        """The different server names, as `.www.example.com`: lower case, without a port and the root's dot."""
        names = pc.fill_null(self._names.dictionary, "")
        if pc.any(pc.match_substring(names, ":")).as_py():
            names = pc.replace_substring_regex(names, r"^(.*[^:]):\d+$", r"\1")
        names = pc.ascii_rtrim(pc.utf8_lower(names), ".")
        return pc.binary_join_element_wise("", names, ".")

    @cached_property
    def _name_numbers(self) -> NDArray[np.int64]:
        """For each flow, the number of its server name; flows without one take the number after the last."""
        indices = self._names.indices.cast(pa.int64())
        return pc.fill_null(indices, len(self._names.dictionary)).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]

    def suffix(self, labels: int) -> pa.Array:
        """The last `labels` labels of each different server name with a dot before them; empty where it has fewer."""
        if labels not in self._suffixes:
            self._suffixes[labels] = _last_labels(self._hosts, labels)
        return self._suffixes[labels]

    def of_names(self, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """For each flow, whether its server name is wanted."""
        return np.append(wanted, False)[self._name_numbers]


class _Matcher:
    """One rule, ready to compare: a mask over a batch at a few array operations."""

    def __init__(self, criteria: Criteria) -> None:
        self._protocol = criteria.protocol
        self._ports = np.array(criteria.port, np.int32)
        self._networks = _Networks(criteria.address) if criteria.address else None
        by_depth: dict[int, list[str]] = {}
        for host in criteria.host:
            by_depth.setdefault(host.count(".") + 1, []).append("." + host)
        self._hosts = {depth: pa.array(hosts, pa.string()) for depth, hosts in by_depth.items()}

    def mask(self, flows: _Flows) -> NDArray[np.bool_] | None:
        """Which flows match; None when none does. The cheap criteria go first."""
        mask = np.ones(flows.rows, np.bool_)
        if self._protocol is not None:
            mask &= flows.protocol == self._protocol
        if len(self._ports):
            mask &= _among(flows.ports[0], self._ports) | _among(flows.ports[1], self._ports)
        if not mask.any():
            return None
        if self._hosts:
            mask &= self._host_mask(flows)
        if self._networks and mask.any():
            client, server = flows.addresses
            mask &= self._networks.contains(client) | self._networks.contains(server)
        return mask

    def _host_mask(self, flows: _Flows) -> NDArray[np.bool_]:
        wanted: NDArray[np.bool_] | None = None
        for depth, hosts in self._hosts.items():
            found = pc.is_in(flows.suffix(depth), value_set=hosts).to_numpy(zero_copy_only=False)
            wanted = found if wanted is None else wanted | found
        assert wanted is not None  # a rule has this criterion when it has hosts
        return flows.of_names(wanted)


def _halves(column: pa.Array) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Upper and lower 64 bits of stored addresses, as numbers, from any binary or dictionary column."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    column = column.cast(pa.binary(16))
    pairs = np.frombuffer(column.buffers()[1], ">u8")[2 * column.offset : 2 * (column.offset + len(column))]
    return pairs[0::2].astype(np.uint64), pairs[1::2].astype(np.uint64)


def _among(values: NDArray[np.int32], wanted: NDArray[np.int32]) -> NDArray[np.bool_]:
    return values == wanted[0] if len(wanted) == 1 else np.isin(values, wanted)


class _Networks:
    """A set of address ranges: IPv4 by numbers, which is fast, the rest by their sixteen bytes."""

    def __init__(self, networks: Sequence[tuple[bytes, bytes]]) -> None:
        merged: list[tuple[bytes, bytes]] = []
        for first, last in sorted(networks):
            if merged and first <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(merged[-1][1], last)
            else:
                merged.append((first, last))
        low = [(first, last if last[:8] == _ZEROS else b"\xff" * 16) for first, last in merged if first[:8] == _ZEROS]
        high = [(first, last) for first, last in merged if last[:8] != _ZEROS]
        self._low_starts, self._low_ends = (
            np.array([int.from_bytes(ends[i][8:], "big") for ends in low], np.uint64) for i in (0, 1)
        )
        self._high_starts, self._high_ends = (np.array([ends[i] for ends in high], "S16") for i in (0, 1))

    def contains(self, halves: tuple[NDArray[np.uint64], NDArray[np.uint64]]) -> NDArray[np.bool_]:
        """Which of the addresses, given as upper and lower halves, lie in the set."""
        upper, lower = halves
        inside = np.zeros(len(upper), np.bool_)
        if len(self._low_starts) == 1:  # unsigned subtraction wraps: one comparison tests both ends
            inside = (upper == 0) & (lower - self._low_starts[0] <= self._low_ends[0] - self._low_starts[0])
        elif len(self._low_starts):
            inside = (upper == 0) & _in_ranges(lower, self._low_starts, self._low_ends)
        if len(self._high_starts):
            rows = np.flatnonzero(upper)
            # Fixed-length bytes compare as C does, and both sides have all sixteen.
            keys = np.stack([upper[rows], lower[rows]], axis=1).astype(">u8").view("S16")[:, 0]
            inside[rows] = _in_ranges(keys, self._high_starts, self._high_ends)
        return inside


def _in_ranges(values: NDArray[Any], starts: NDArray[Any], ends: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values lie in one of the disjoint ranges, given in rising order, both ends included."""
    at = np.searchsorted(starts, values, side="right")
    return (at > 0) & (values <= ends[np.maximum(at, 1) - 1])  # type: ignore[no-any-return]


def _last_labels(names: pa.Array, labels: int) -> pa.Array:
    """The end of each name from its `labels`-th dot, counted from the end; empty where it has fewer dots.

    Copies no text: a string array's elements lie end to end, so new offsets cut each into (rest, suffix).
    """
    if not len(names):
        return names
    offsets = np.frombuffer(names.buffers()[1], np.int32)[names.offset : names.offset + len(names) + 1]
    text = np.frombuffer(names.buffers()[2] or b"", np.uint8)
    dots = np.append(np.flatnonzero(text[: offsets[-1]] == ord(".")), -1)
    at = np.searchsorted(dots[:-1], offsets[1:]) - labels
    found = (at >= 0) & (dots[at] >= offsets[:-1])
    cut = np.empty(2 * len(names) + 1, np.int32)
    cut[0::2] = offsets
    cut[1::2] = np.where(found, dots[at], offsets[1:])
    halves = pa.StringArray.from_buffers(2 * len(names), pa.py_buffer(cut), names.buffers()[2])
    return halves.take(pa.array(np.arange(1, 2 * len(names), 2)))


def _replaced(column: pa.Array, values: pa.Array, chosen: NDArray[np.int32]) -> pa.Array:
    """The column with `values[chosen]` where a rule was chosen, in the column's own type."""
    matched = chosen >= 0
    if not pa.types.is_dictionary(column.type):
        picked = values.take(pa.array(chosen, mask=~matched))
        return pc.if_else(pa.array(matched), picked.cast(column.type), column)
    known = column.dictionary
    values = values.cast(known.type)
    new = pc.unique(values.filter(pc.invert(pc.is_in(values, value_set=known))).drop_null())
    dictionary = pa.concat_arrays([known, new])
    numbers = pc.index_in(values, value_set=dictionary)  # null for a rule that gives no value
    picked = numbers.take(pa.array(chosen, mask=~matched))
    indices = pc.if_else(pa.array(matched), picked, column.indices.cast(pa.int32()))
    return pa.DictionaryArray.from_arrays(indices.cast(column.type.index_type), dictionary)
