"""Numbers that check themselves: one test for each, of digits (and letters) without separators.

A check digit lets about one random number in ten through, so one match says little and twenty say all.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

_CARD: Final = re.compile(r"[2-6][0-9]{12,18}")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_SSN: Final = re.compile(r"(?!000|666|9)[0-9]{3}(?!00)[0-9]{2}(?!0000)[0-9]{4}")
_CN: Final = re.compile(r"[1-8][0-9]{16}[0-9X]")
_TW: Final = re.compile(r"[A-Z][1289][0-9]{8}")
_TW_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVXYWZIO"  # 10 and up, in this order
_KR_CENTURIES: Final = {"9": 1800, "0": 1800, "1": 1900, "2": 1900, "5": 1900, "6": 1900}


def card(text: str) -> bool:
    """A payment card's number: issuer's first digit, and Luhn's check digit."""
    if _CARD.fullmatch(text) is None:
        return False
    doubled = (int(digit) * 2 for digit in text[-2::-2])
    return (sum(map(int, text[-1::-2])) + sum(n - 9 if n > 9 else n for n in doubled)) % 10 == 0


def iban(text: str) -> bool:
    """An international bank account number (ISO 13616): 1 modulo 97."""
    if _IBAN.fullmatch(text) is None:
        return False
    return int("".join(str(int(one, 36)) for one in text[4:] + text[:4])) % 97 == 1


def my_number(text: str) -> bool:
    """Japan's Individual Number: twelve digits, the last one checks the others modulo 11."""
    if not _digits(text, 12) or len(set(text)) == 1:
        return False
    weighted = sum(int(text[10 - n]) * (n + 2 if n < 6 else n - 4) for n in range(11))
    rest = weighted % 11
    return int(text[11]) == (0 if rest <= 1 else 11 - rest)


def resident_kr(text: str) -> bool:
    """Korea's resident registration number: a birthday, a century, a check digit (left out of those since 2020-10)."""
    if not _digits(text, 13):
        return False
    century = _KR_CENTURIES.get(text[6], 2000)
    if not _is_day(century + int(text[:2]), text[2:4], text[4:6]):
        return False
    weighted = sum(int(digit) * (2 + n % 8) for n, digit in enumerate(text[:12]))
    return int(text[12]) == (11 - weighted % 11) % 10


def resident_cn(text: str) -> bool:
    """China's resident identity number: eighteen, with a birthday, checked by ISO 7064 MOD 11-2."""
    if _CN.fullmatch(text) is None or not _is_day(int(text[6:10]), text[10:12], text[12:14]):
        return False
    weighted = sum(int(digit) * 2 ** (17 - n) for n, digit in enumerate(text[:17]))
    return text[17] == "10X98765432"[weighted % 11]


def citizen_th(text: str) -> bool:
    """Thailand's identity number: thirteen digits, the last one checks the others modulo 11."""
    if not _digits(text, 13) or text[0] == "0":
        return False
    weighted = sum(int(digit) * (13 - n) for n, digit in enumerate(text[:12]))
    return int(text[12]) == (11 - weighted % 11) % 10


def citizen_tw(text: str) -> bool:
    """Taiwan's identity number, of citizens and residents: a letter, nine digits, weighed modulo 10."""
    if _TW.fullmatch(text) is None:
        return False
    tens, ones = divmod(_TW_LETTERS.index(text[0]) + 10, 10)
    weighted = sum(int(digit) * (8 - n) for n, digit in enumerate(text[1:9]))
    return (tens + ones * 9 + weighted + int(text[9])) % 10 == 0


def social_us(text: str) -> bool:
    """A US social security number: nine digits without check digit, but some numbers were never given out."""
    return _SSN.fullmatch(text) is not None


def _digits(text: str, count: int) -> bool:
    return len(text) == count and text.isascii() and text.isdigit()


def _is_day(year: int, month: str, day: str) -> bool:
    try:
        return 1850 <= date(year, int(month), int(day)).year <= 2100
    except ValueError:
        return False
