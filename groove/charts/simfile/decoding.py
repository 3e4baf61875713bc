"""From the bytes of a simfile to text: no simfile says which encoding it has."""

from __future__ import annotations

import re


def decode(raw: bytes) -> str:
    """Return the text of a simfile: UTF-8 or UTF-16 by its mark, else the old code page whose script shows.

    StepMania tries UTF-8, CP1252, CP932, CP949 in this order, but almost any bytes are valid CP1252. A Japanese or
    Korean page is taken only where it yields kana, or two ideographs or syllables side by side: one alone among Latin
    letters is an accented letter misread.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        text = _decode_bytes(raw)
    return text.lstrip("\ufeff").replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def _decode_bytes(raw: bytes) -> str:
    for encoding, plausible in (("utf-8", None), ("cp932", _japanese), ("cp949", _korean), ("cp1252", None)):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if plausible is None or plausible(text):
            return text
    return raw.decode("latin-1")


def _japanese(text: str) -> bool:
    """Return whether `text` has kana, or kanji side by side without the half-width kana that misread Korean has."""
    kanji = re.search("[一-鿿]{2}", text) and not re.search("[｡-ﾟ]", text)
    return bool(re.search("[ぁ-ヿ]", text) or kanji)


def _korean(text: str) -> bool:
    return bool(re.search("[가-힣]{2}", text))
