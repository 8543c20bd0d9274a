"""Text: one form for every text that is compared or kept. Pure."""

from __future__ import annotations

import unicodedata


def nfc(text: str) -> str:
    """The text in NFC: one Vietnamese name is one name, whether typed in NFC, in NFD or in windows-1258.

    >>> nfc("So\\u031b\\u0309") == "S\\u1edf"
    True
    """
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)
