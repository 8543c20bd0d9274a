"""Text: one form for each text, so that what reads the same is the same. Pure.

>>> nfc("Ha\\u0300") == "H\\u00e0"
True
"""

from __future__ import annotations

from unicodedata import is_normalized, normalize


def nfc(text: str) -> str:
    """The text in Unicode's form NFC, whether letters and their marks came apart (NFD, windows-1258) or as one."""
    return text if is_normalized("NFC", text) else normalize("NFC", text)
