"""Encodings: which one a text was written in, guessed from bytes that another could not read. Pure."""

from __future__ import annotations

import codecs

from ioc.text import nfc

_LETTERS = "aăâeêioôơuưy"
_TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
VIETNAMESE = frozenset(nfc(letter + tone) for letter in _LETTERS + _LETTERS.upper() for tone in _TONES) | frozenset("đĐ₫")


def guessed(data: bytes) -> str:
    """The encoding the bytes are probably in, as a map writes it; empty where nothing fits."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding, half in (("utf-16-le", data[1::2]), ("utf-16-be", data[::2])):
        if half.count(0) > len(data) // 4:
            return encoding
    for encoding, fits in (("utf-8-sig", str.isprintable), ("windows-1258", _vietnamese), ("windows-1252", _western)):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(data)  # the bytes may end within a letter
        except UnicodeDecodeError:
            continue
        if fits("".join(text.split())):
            return encoding
    return ""


def utf8_after_all(line: str, encoding: str) -> bool:
    """Whether a line that was read in another encoding is UTF-8: two-byte letters come about by chance in no real text."""
    try:
        return not line.encode(encoding).decode("utf-8").isascii()
    except UnicodeError:
        return False


def _vietnamese(text: str) -> bool:
    return all(letter.isascii() or letter in VIETNAMESE or not letter.isalpha() for letter in nfc(text)) and _western(text)


def _western(text: str) -> bool:
    return not any("\x80" <= letter <= "\x9f" for letter in text)
