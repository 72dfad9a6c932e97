"""What a value looks like, and how many of a sample do. Values come in and counts go out; nothing here keeps one."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gateway.draft import ids
from gateway.draft.sure import Guess, Sure

_NATIONAL: Final = "user.government_id.national_identification_number"
_EMAIL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(\.[\w-]{1,63}){1,8}")
_PHONE: Final = re.compile(r"\+?[0-9(][0-9 ()./-]{6,20}[0-9]")
_GROUPED: Final = re.compile(r"\(?[0-9]{2,4}\)?[ .-][0-9]{3,4}[ .-][0-9]{4}")
_DAY: Final = re.compile(r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}.*")
_SSN: Final = re.compile(r"[0-9]{3}-[0-9]{2}-[0-9]{4}")
_SEPARATORS: Final = re.compile(r"[ -]")


class Kind(StrEnum):
    """What a value may look like."""

    EMAIL = "an e-mail address"
    EMAIL_INSIDE = "a text with an e-mail address in it"
    IP = "an IP address"
    PHONE = "a phone number"
    CARD = "a card number"
    IBAN = "a bank account"
    MY_NUMBER = "a Japanese Individual Number"
    RESIDENT_KR = "a Korean resident registration number"
    RESIDENT_CN = "a Chinese identity number"
    CITIZEN_TH = "a Thai identity number"
    CITIZEN_TW = "a Taiwanese identity number"
    SOCIAL_US = "a US social security number"


@dataclass(frozen=True, slots=True)
class _Weight:
    """What matches of a kind are worth: its data type, and how often it is seen by chance, about."""

    data_type: str
    enough: int  # matches before they say anything
    chance: float  # share of other numbers of the same shape that match, too
    best: Sure = Sure.HIGH  # the most that values alone can say


_WEIGHTS: Final[Mapping[Kind, _Weight]] = MappingProxyType(
    {
        Kind.EMAIL: _Weight("user.contact.email", 1, 0.0),
        Kind.EMAIL_INSIDE: _Weight("user.contact.email", 1, 0.0, Sure.LOW),
        Kind.IP: _Weight("user.device.ip_address", 3, 0.05),
        Kind.PHONE: _Weight("user.contact.phone_number", 3, 0.2, Sure.MEDIUM),
        Kind.CARD: _Weight("user.financial.credit_card", 5, 0.1),
        Kind.IBAN: _Weight("user.financial.bank_account", 2, 0.01),
        Kind.MY_NUMBER: _Weight(_NATIONAL, 8, 0.1),
        Kind.RESIDENT_KR: _Weight(_NATIONAL, 3, 0.01),
        Kind.RESIDENT_CN: _Weight(_NATIONAL, 2, 0.01),
        Kind.CITIZEN_TH: _Weight(_NATIONAL, 8, 0.1),
        Kind.CITIZEN_TW: _Weight(_NATIONAL, 3, 0.05),
        Kind.SOCIAL_US: _Weight(_NATIONAL, 3, 0.05, Sure.MEDIUM),
    }
)
_CHECKED: Final[tuple[tuple[Kind, Callable[[str], bool]], ...]] = (
    (Kind.CARD, ids.card),
    (Kind.IBAN, ids.iban),
    (Kind.MY_NUMBER, ids.my_number),
    (Kind.RESIDENT_KR, ids.resident_kr),
    (Kind.RESIDENT_CN, ids.resident_cn),
    (Kind.CITIZEN_TH, ids.citizen_th),
    (Kind.CITIZEN_TW, ids.citizen_tw),
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many different values of a sample look like what."""

    values: int
    kinds: Mapping[Kind, int]


def count(values: Iterable[str]) -> Counts:
    """The counts of a sample. The same value many times counts once."""
    different = {text for text in (unicodedata.normalize("NFKC", value).strip() for value in values) if text}
    found = Counter(kind for text in different for kind in kinds_of(text))
    return Counts(len(different), MappingProxyType(dict(found)))


def kinds_of(text: str) -> frozenset[Kind]:
    """All that a value may be; several where numbers are of one shape."""
    if _EMAIL.fullmatch(text):
        return frozenset({Kind.EMAIL})
    if _is_ip(text):
        return frozenset({Kind.IP})
    bare = _SEPARATORS.sub("", text).upper()
    found = {kind for kind, fits in _CHECKED if fits(bare)}
    if _SSN.fullmatch(text) and ids.social_us(bare):
        found.add(Kind.SOCIAL_US)
    elif not found and _is_phone(text):
        found.add(Kind.PHONE)
    if not found and _EMAIL.search(text):
        found.add(Kind.EMAIL_INSIDE)
    return frozenset(found)


def guesses(counts: Counts) -> tuple[Guess, ...]:
    """What a sample's values say of their column, the surest of each data type."""
    found: dict[str, Guess] = {}
    for kind, number in sorted(counts.kinds.items(), key=lambda one: -one[1]):
        weight = _WEIGHTS[kind]
        sure = _sure(weight, number, number / counts.values)
        if sure is not None:
            why = f"{number} of {counts.values} different values sampled look like {kind}"
            found.setdefault(weight.data_type, Guess(weight.data_type, sure, why))
    return tuple(found.values())


def _sure(weight: _Weight, matches: int, share: float) -> Sure | None:
    if matches < weight.enough or share <= 2 * weight.chance:
        return None
    if share >= 0.9:
        return weight.best
    return min(weight.best, Sure.MEDIUM if share >= 0.5 else Sure.LOW)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return "." in text or ":" in text


def _is_phone(text: str) -> bool:
    """Written as one: with a plus, a leading zero, or in the groups people write; a day is none."""
    digits = sum(one.isdigit() for one in text)
    if not 8 <= digits <= 15 or not _PHONE.fullmatch(text) or _DAY.fullmatch(text):
        return False
    return text[0] in "+0(" or _GROUPED.fullmatch(text) is not None
