"""Characters that stand for numbers, one each."""

import numpy as np
import pyarrow as pa


# CJK Unified Ideographs, from U+4E00 on: printable, alike under every Unicode normalisation, neither white space nor
# combining marks, and in no other task's text.
FIRST_SYMBOL = 0x4E00
MOST_SYMBOLS = 20_000


def first_symbols(number: int) -> str:
    """The symbols of 0 to `number` - 1, in that order; `number` is at most `MOST_SYMBOLS`."""
    return "".join(map(chr, range(FIRST_SYMBOL, FIRST_SYMBOL + number)))


def spelled_in_symbols(numbers: np.ndarray) -> pa.Array:
    """Strings of one symbol a number: (N, S) numbers to N strings of S symbols."""
    points = (numbers + FIRST_SYMBOL).astype(np.uint16)
    # Each is three bytes in UTF-8, as all characters from U+0800 to U+FFFF are.
    utf8 = np.empty((*numbers.shape, 3), np.uint8)
    utf8[..., 0], utf8[..., 1], utf8[..., 2] = 0xE0 | points >> 12, 0x80 | points >> 6 & 0x3F, 0x80 | points & 0x3F
    ends = np.arange(len(numbers) + 1, dtype=np.int32) * (3 * numbers.shape[1])
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(ends), pa.py_buffer(utf8))
