"""Crypto-PAn: addresses replaced so that a common prefix of two addresses stays a common prefix of the same length.

J. Xu, J. Fan, M. Ammar, S. Moon: "Prefix-Preserving IP Address Anonymization", ICNP 2002. IPv6 as the same
construction over 128 bits, as other implementations have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tapiary.errors import InvalidInput, Unavailable
from tapiary.schema import address_bytes, address_text

from .addresses import binary_column, factorize_octets, numbers, octets

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

#: Addresses mapped at once: an IPv6 address makes 128 AES blocks of 16 bytes, hence 17 MB.
_CHUNK = 8192

_COLUMNS = ("client_ip", "server_ip")
_LINK_COLUMNS = ("client_mac", "server_mac")


class Anonymizer:
    """Maps addresses under a secret key of 32 bytes: the same key gives the same mapping, for ever.

    The first half of the key is the AES key, the second half makes the padding. Raises InvalidInput for a key of
    another length, Unavailable when the library `cryptography` is missing.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise InvalidInput(f"the anonymisation key is 32 bytes long, not {len(key)}", field="key")
        try:
            from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
        except ImportError:
            raise Unavailable("anonymisation needs cryptography: pip install 'tapiary[server]'") from None
        # ECB is what the construction asks for: every block is a pseudorandom function's input of its own.
        self._cipher = Cipher(algorithms.AES(key[:16]), modes.ECB())
        self._pad = np.frombuffer(self._encrypt(key[16:]), np.uint8)

    def anonymize(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with both addresses replaced and link-layer addresses emptied; other columns are untouched."""
        import pyarrow as pa

        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        mine = [name for name in _COLUMNS if name in columns]
        if mine:
            rows = batch.num_rows
            distinct, places = factorize_octets(np.concatenate([octets(columns[name]) for name in mine]))
            mapped = self._map(distinct)
            for number, name in enumerate(mine):
                chosen = mapped[places[number * rows:(number + 1) * rows]]
                columns[name] = binary_column(chosen, columns[name].type)
        for name in _LINK_COLUMNS:
            if name in columns:
                columns[name] = pa.nulls(batch.num_rows, columns[name].type)
        return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))

    def address(self, text: str) -> str:
        """The address that stands for this one; raises InvalidInput when the text is no address."""
        try:
            row = np.frombuffer(address_bytes(text), np.uint8).reshape(1, 16)
        except ValueError:
            raise InvalidInput(f"'{text}' is no IPv4 or IPv6 address", field="address") from None
        return address_text(self._map(row)[0].tobytes())

    def _map(self, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Rows of 16 octets, IPv4 in the mapped form, which they keep."""
        result = rows.copy()
        ipv4 = numbers(rows).is_ipv4
        for chosen, first in ((np.flatnonzero(ipv4), 12), (np.flatnonzero(~ipv4), 0)):
            for start in range(0, len(chosen), _CHUNK):
                some = chosen[start:start + _CHUNK]
                result[some, first:] ^= self._mask(rows[some, first:])
        return result

    def _mask(self, addresses: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the addresses are to be xor-ed with: bit i is a pseudorandom function of the bits before it."""
        count, width_bytes = addresses.shape
        width = width_bytes * 8
        # Block i of an address: its first i bits, then the padding from there on.
        before = np.zeros((width, 16), np.uint8)
        before[:, :width_bytes] = np.packbits(np.tri(width, width, -1, dtype=bool), axis=1)
        blocks = np.tile(self._pad & ~before, (count, 1, 1))
        blocks[:, :, :width_bytes] |= addresses[:, None, :] & before[None, :, :width_bytes]
        encrypted = np.frombuffer(self._encrypt(blocks.tobytes()), np.uint8)
        return np.packbits(encrypted.reshape(count, width, 16)[:, :, 0] >> 7, axis=1)

    def _encrypt(self, blocks: bytes) -> bytes:
        encryptor = self._cipher.encryptor()
        return encryptor.update(blocks) + encryptor.finalize()
