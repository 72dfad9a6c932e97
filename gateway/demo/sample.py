"""What the demo's tables hold: 86 users of four countries and what they left behind, the same on every run.

Everything is picked by arithmetic, never at random: a figure in the documentation stays true. Nobody here exists: mail
addresses end in reserved domains, telephone numbers lie in blocks that are not given to subscribers.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final, TypeVar

Cell = str | int | bool | bytes | Decimal | datetime | None
Row = tuple[Cell, ...]
_T = TypeVar("_T")

_START: Final = datetime(2024, 4, 1, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of one table, in the order of its columns."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _People:
    """How users of one country are made."""

    country: str
    count: int
    family: tuple[str, ...]
    given: tuple[str, ...]
    phone: str  # with one place for a four-digit number
    domain: str


_PEOPLES: Final = (
    _People(
        country="JP",
        count=60,
        family=("Aoki", "Endo", "Fujita", "Hayashi", "Ishii", "Kato", "Mori", "Noguchi", "Ogawa", "Sakai", "Ueda"),
        given=("Akari", "Daichi", "Emi", "Haruto", "Kenta", "Mio", "Naoki", "Rin", "Sota", "Yui"),
        phone="+81 90-0000-{:04d}",
        domain="mail.example.jp",
    ),
    _People(
        country="KR",
        count=9,
        family=("Choi", "Han", "Jung", "Lim", "Yoon"),
        given=("Ha-eun", "Ji-ho", "Min-seo", "Seo-jun"),
        phone="+82 10-0000-{:04d}",
        domain="mail.example.com",
    ),
    _People(
        country="TW",
        count=9,
        family=("Chang", "Hsu", "Kuo", "Lai", "Tsai"),
        given=("Chia-hao", "Mei-ling", "Wei-ting", "Ya-chun"),
        phone="+886 900-00{:04d}",
        domain="mail.example.net",
    ),
    _People(
        country="TH",
        count=8,
        family=("Boonmee", "Chaiyasit", "Rattana", "Srisuk", "Wongsa"),
        given=("Anong", "Kamon", "Niran", "Ploy"),
        phone="+66 80-000-{:04d}",
        domain="mail.example.org",
    ),
)

_REGIONS: Final = (
    ("CN", "China"),
    ("JP", "Japan"),
    ("KR", "Korea, Republic of"),
    ("TH", "Thailand"),
    ("TW", "Taiwan"),
)
_BODIES: Final = (
    "Are we still meeting at the station at seven?",
    "The test came back negative, please tell mother.",
    "My new address is on the second floor, ring twice.",
    "Did you see the photo from Sunday?",
    "I sent you half of the rent.",
    "Do not tell anyone at work yet.",
    "The clinic moved my appointment to Friday.",
    "Happy birthday! The cake is in the fridge.",
)
_CAPTIONS: Final = ("Cherry trees by the river", "First day at school", "Lunch", "Our new flat", "Ferry to the island")
_CURRENCY: Final = MappingProxyType({"JP": "JPY", "KR": "KRW", "TW": "TWD", "TH": "THB"})
_METHODS: Final = ("wallet", "bank transfer", "card")
_REPORTS: Final = ("shows a stranger's face", "advertisement", "violence", "not sure")
_STATES: Final = ("open", "in review", "closed")
_TOPICS: Final = (
    ("sleep", "Wakes at four since the move; agreed on a sleep diary."),
    ("pregnancy", "Week 11, nausea; asked about travel."),
    ("low mood", "Third talk; call back within two days."),
    ("vaccination", "Wants to know about the second dose."),
)
_STICKERS: Final = (
    ("Bowing bear", 120),
    ("Sleepy cat", 120),
    ("Thank you, in brush", 250),
    ("Rice ball with legs", 120),
    ("Rainy frog", 250),
    ("Late train", 60),
    ("Dancing radish", 250),
    ("Good morning sun", 60),
    ("Crying onion", 120),
    ("Salaryman at dawn", 500),
    ("Festival drum", 250),
    ("Small apology", 60),
)
_FLAGS: Final = (("dark_mode", True), ("new_sticker_shop", True), ("timeline_video", False), ("voice_rooms", False))


def tables() -> tuple[Rows, ...]:
    """All rows of all tables, in an order that foreign keys accept."""
    users = _users()
    countries: Mapping[int, str] = {index: str(row[4]) for index, row in enumerate(users, start=1)}
    count = len(users)
    return (
        Rows(table="regions", columns=("code", "name"), rows=_REGIONS),
        Rows(table="users", columns=("id", "name", "phone", "email", "country", "created_at"), rows=users),
        Rows(table="messages", columns=("id", "sender_id", "recipient_id", "body", "sent_at"), rows=_messages(count)),
        Rows(
            table="timeline_images",
            columns=("id", "owner_id", "caption", "content", "posted_at"),
            rows=_images(count),
        ),
        Rows(
            table="payments",
            columns=("id", "user_id", "amount", "currency", "method", "paid_at"),
            rows=_payments(countries),
        ),
        Rows(
            table="moderation_queue",
            columns=("id", "image_id", "reported_by", "reason", "state", "assigned_to", "created_at"),
            rows=_reports(count),
        ),
        Rows(
            table="health_consultations",
            columns=("id", "user_id", "topic", "summary", "held_at"),
            rows=_consultations(),
        ),
        Rows(
            table="stickers",
            columns=("id", "name", "price_yen"),
            rows=tuple((index, name, price) for index, (name, price) in enumerate(_STICKERS, start=1)),
        ),
        Rows(table="feature_flags", columns=("key", "enabled"), rows=_FLAGS),
    )


def picture(colour: tuple[int, int, int], side: int = 8) -> bytes:
    """A valid PNG: a square of one colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)  # 8 bits a channel, RGB, nothing interlaced
    line = b"\x00" + bytes(colour) * side
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(line * side, 9))
        + chunk(b"IEND", b"")
    )


def _pick(choices: Sequence[_T], index: int) -> _T:
    return choices[index % len(choices)]


def _users() -> tuple[Row, ...]:
    rows: list[Row] = []
    for people in _PEOPLES:
        for number in range(1, people.count + 1):
            # Family and given names advance at different paces, so that neighbours do not share either.
            family = _pick(people.family, number * 3)
            given = _pick(people.given, number + number // len(people.given))
            row_id = len(rows) + 1
            mailbox = f"{given}.{family}.{row_id}".lower()
            rows.append(
                (
                    row_id,
                    f"{given} {family}",
                    people.phone.format(number * 37 % 10_000),
                    f"{mailbox}@{people.domain}",
                    people.country,
                    _START + timedelta(hours=13 * row_id),
                )
            )
    return tuple(rows)


def _messages(users: int) -> tuple[Row, ...]:
    rows: list[Row] = []
    for index in range(1, 241):
        sender = index * 7 % users + 1
        recipient = (sender + index % 5) % users + 1  # 1 to 5 further on: never oneself
        rows.append((index, sender, recipient, _pick(_BODIES, index), _START + timedelta(days=60, minutes=97 * index)))
    return tuple(rows)


def _images(users: int) -> tuple[Row, ...]:
    return tuple(
        (
            index,
            index * 11 % users + 1,
            _pick(_CAPTIONS, index),
            picture((index * 53 % 256, index * 97 % 256, index * 193 % 256)),
            _START + timedelta(days=90, hours=5 * index),
        )
        for index in range(1, 41)
    )


def _payments(countries: Mapping[int, str]) -> tuple[Row, ...]:
    return tuple(
        (
            index,
            user := index * 5 % len(countries) + 1,
            Decimal(index * 137 % 9000 + 300),
            _CURRENCY[countries[user]],
            _pick(_METHODS, index),
            _START + timedelta(days=100, hours=3 * index),
        )
        for index in range(1, 121)
    )


def _reports(users: int) -> tuple[Row, ...]:
    return tuple(
        (
            index,
            index * 2,
            index * 17 % users + 1,
            _pick(_REPORTS, index),
            _pick(_STATES, index),
            None if index % 3 == 0 else _pick(("tanaka", "wang"), index),
            _START + timedelta(days=120, hours=index),
        )
        for index in range(1, 21)
    )


def _consultations() -> tuple[Row, ...]:
    return tuple(
        (index, index * 6, *_pick(_TOPICS, index), _START + timedelta(days=130, hours=9 * index))
        for index in range(1, 13)
    )
