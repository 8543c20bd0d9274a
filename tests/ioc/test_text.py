"""Text: one form for every text."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ioc.text import nfc, visible


@given(st.text())
def test_every_form_of_a_text_is_one_text(text: str) -> None:
    assert nfc(unicodedata.normalize("NFD", text)) == nfc(text) == unicodedata.normalize("NFC", text)


ORDERS = ["\x1b[2J", "\x07", "\x9b1m", "\x7f", "\r", "\u202e", "\u2066", "\u200f", "\u2028", "\x85", "\ud800"]


@given(st.lists(st.sampled_from([*ORDERS, "a", "Hà Nội", "\n", "\t", "\\"])).map("".join))
def test_what_is_made_visible_gives_a_terminal_no_orders_and_json_stays_the_same_json(text: str) -> None:
    assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in visible(text, keep=""))
    assert json.loads(visible(json.dumps({text: text}, ensure_ascii=False, indent=2))) == {text: text}


def test_letters_of_all_scripts_stay_as_they_are() -> None:
    for text in ("Thanh Hóa, ₫ 😀 日本 العربية", "Ha\u0300 No\u0323\u0302i", "👩\u200d💻"):
        assert visible(text) == text
