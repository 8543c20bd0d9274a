"""Murmur2: the partition Kafka's Java client (and aiokafka) gives a key, for many keys at once. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_M = np.uint32(0x5BD1E995)
_SEED = np.uint32(0x9747B28C)


def partitions(keys: Sequence[bytes], count: int) -> NDArray[np.int64]:
    """The partition of each key among `count` (org.apache.kafka.common.utils.Utils.murmur2, sign bit cleared).

    >>> partitions([b"H56.20-20221006-0001", b""], 4).tolist()
    [0, 1]
    """
    if not keys:
        return np.empty(0, np.int64)
    lengths = np.array([len(k) for k in keys], np.int64)
    width = (int(lengths.max()) + 3) // 4 + 1
    packed = np.frombuffer(b"".join(k.ljust(width * 4, b"\x00") for k in keys), np.uint8).reshape(len(keys), width * 4)
    words = packed.view("<u4")
    with np.errstate(over="ignore"):
        hashed = _SEED ^ lengths.astype(np.uint32)
        for column in range(width - 1):
            k = words[:, column] * _M
            k = (k ^ (k >> np.uint32(24))) * _M
            hashed = np.where(lengths >= 4 * (column + 1), (hashed * _M) ^ k, hashed)
        tail, rest = lengths // 4, lengths % 4
        last = words[np.arange(len(keys)), tail] & ((np.uint64(1) << (rest.astype(np.uint64) * 8)) - 1).astype(np.uint32)
        hashed = np.where(rest > 0, (hashed ^ last) * _M, hashed)
        hashed = (hashed ^ (hashed >> np.uint32(13))) * _M
        hashed = hashed ^ (hashed >> np.uint32(15))
    return (hashed.astype(np.int64) & 0x7FFFFFFF) % count
