"""Text: one form for each text, so that what reads the same is the same; and one that a terminal only shows. Pure.

>>> nfc("Ha\\u0300") == "H\\u00e0"
True
>>> print(visible("a\\x1b[2Jb"))
a\\u001b[2Jb
"""

from __future__ import annotations

import re
from unicodedata import is_normalized, normalize

_ORDERS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves, colours or turns a terminal's text (C0, C1, separators, bidi), and halves of letters, which none can print."""


def nfc(text: str) -> str:
    """The text in Unicode's form NFC, whether letters and their marks came apart (NFD, windows-1258) or as one."""
    return text if is_normalized("NFC", text) else normalize("NFC", text)


def visible(text: str, keep: str = "\n\t") -> str:
    """The text with control characters as JSON escapes them, but those to `keep`: foreign text tells a terminal nothing.

    JSON stays the same JSON by it, for such characters stand in its strings alone.
    """
    return _ORDERS.sub(lambda found: found[0] if found[0] in keep else f"\\u{ord(found[0]):04x}", text)
