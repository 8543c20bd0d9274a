"""Packed: many byte strings side by side, as Arrow has them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

MOST = (1 << 31) - 1
"""Bytes that fit one array."""


def packed(values: Sequence[bytes | None], joined: bytes | None = None) -> pa.Array | pa.ChunkedArray:
    """The values as one array of bytes (in chunks where they are too many bytes), null where there is none.

    `joined`: their bytes, if somebody has them already. `pa.array` takes twice as long: it lets its memory grow.
    """
    try:
        sizes = np.fromiter(map(len, values), np.int32, len(values))  # type: ignore[arg-type]
    except TypeError:  # one is None
        return pa.array(values, pa.binary())
    if joined is None:
        joined = b"".join(values)  # type: ignore[arg-type]
    if len(joined) > MOST:
        return pa.array(values, pa.binary())
    ends = np.zeros(len(values) + 1, np.int32)
    np.cumsum(sizes, out=ends[1:])
    return pa.Array.from_buffers(pa.binary(), len(values), [None, pa.py_buffer(ends), pa.py_buffer(joined)])
