"""The story: who asks what from where, and what has to come of it.

It follows what was reported of LINE in 2021: engineers of an affiliate in Shanghai, and moderators of a firm in Dalian
that a Japanese contractor had sub-contracted, could read what users in Japan had written; payments lay in Korea.
Expectations are about what a *person* sees (SQLSTATE and words of the error) and what the record says; a step that
gives anything else makes the demo fail.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.demo.characters import KIM, LI, MORI, SATO, TANAKA, WANG, Character

DENIED: Final = "42501"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one query, as far as an expectation looks at it."""

    rows: int | None  # None: an error came
    first: str  # the first row, its values between bars
    sqlstate: str
    text: str  # message, DETAIL and HINT, as a person reads them
    effect: str  # of the record: allow, deny, or empty where the record has nothing
    cross_border: bool
    same_id: bool  # the decision id the person was given is the record's


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Expected: so many rows, allowed in the record."""

    count: int
    cross_border: bool | None = None  # None: not looked at
    first: str = ""  # what the first row looks like (a regular expression); empty: not looked at
    how: str = ""  # what was done to the rows

    def complaint(self, outcome: Outcome) -> str:
        """What is not as expected; empty where all is."""
        if outcome.rows is None:
            return f"rows were expected, an error came ({outcome.sqlstate})"
        if outcome.rows != self.count:
            return f"{self.count} rows were expected, {outcome.rows} came"
        if self.first and not re.fullmatch(self.first, outcome.first):
            return "the first row does not look as it should"
        if outcome.effect != "allow":
            return f"the record should say allow, it says {outcome.effect or 'nothing'}"
        if self.cross_border is not None and outcome.cross_border is not self.cross_border:
            return f"the record should say cross_border: {str(self.cross_border).lower()}"
        return ""

    @property
    def summary(self) -> str:
        """What is said of it when it came out so."""
        rows = f"{self.count} row{'' if self.count == 1 else 's'}{self.how and ', ' + self.how}"
        return f"{rows}, cross-border, recorded" if self.cross_border else f"{rows}, recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Expected: denied by policy, the error saying certain things (regular expressions), and the same in the record."""

    says: tuple[str, ...]
    because: str

    def complaint(self, outcome: Outcome) -> str:
        """What is not as expected; empty where all is."""
        if outcome.rows is not None:
            return f"a denial was expected, {outcome.rows} rows came"
        if outcome.sqlstate != DENIED:
            return f"SQLSTATE {DENIED} was expected, {outcome.sqlstate} came"
        missing = [pattern for pattern in self.says if not re.search(pattern, outcome.text, re.IGNORECASE)]
        if missing:
            return f"the error does not say {' nor '.join(missing)}"
        if outcome.effect != "deny":
            return f"the record should say deny, it says {outcome.effect or 'nothing'}"
        if not outcome.same_id:
            return "the decision id in the error is not the one in the record"
        return ""

    @property
    def summary(self) -> str:
        """What is said of it when it came out so."""
        return f"denied {self.because}, recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One statement. With ``parameters`` the driver uses the extended protocol, without them the simple one."""

    sql: str
    expect: Rows | Denied
    parameters: tuple[int | str, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One connection of one person from one place, and the queries on it."""

    title: str
    who: Character
    site: str
    queries: Sequence[Query]


_CHINA: Final = r"\A.*\b(China|CN)\b"  # in the message itself: `.` ends with the first line
_COUNTRY_NAMED: Final = Denied(says=(_CHINA,), because="and the country is named")

STORY: Final = (
    Step(
        title="An engineer of the Japanese company, in Tokyo, reads a user",
        who=SATO,
        site="tokyo-hq",
        queries=(
            Query(
                sql="SELECT name, phone, email FROM users WHERE id = %s",
                parameters=(7,),
                expect=Rows(count=1, cross_border=False),
            ),
        ),
    ),
    Step(
        title="An engineer of the Shanghai affiliate, in Shanghai, reads names, phones, e-mails, messages",
        who=LI,
        site="shanghai-office",
        queries=(
            Query(sql="SELECT name FROM users", expect=_COUNTRY_NAMED),
            Query(sql="SELECT phone FROM users WHERE country = 'JP'", expect=_COUNTRY_NAMED),
            Query(sql="SELECT email FROM users WHERE id = %s", parameters=(7,), expect=_COUNTRY_NAMED),
            Query(
                sql="SELECT u.name, m.body FROM messages m JOIN users u ON u.id = m.sender_id",
                expect=_COUNTRY_NAMED,
            ),
            Query(
                sql="SELECT count(*) FROM regions",
                expect=Rows(count=1),
                remark="the same connection goes on after four denials",
            ),
        ),
    ),
    Step(
        title="The same person through a Japanese VPN exit",
        who=LI,
        site="tokyo-vpn",
        queries=(
            Query(
                sql="SELECT name, phone FROM users WHERE id = 7",
                expect=Denied(
                    says=(r"\A.*\bemployer\b", _CHINA), because="because of the employer, wherever the address is"
                ),
            ),
        ),
    ),
    Step(
        title="A moderator of the Dalian firm that a Japanese contractor sub-contracted reads a timeline image",
        who=WANG,
        site="dalian-office",
        queries=(
            Query(
                sql="SELECT id, caption, content FROM timeline_images WHERE id = 4",
                expect=Denied(says=(r"\A.*\bhop 2\b", r"chain\[2\]", _CHINA), because="at hop 2 of the chain"),
            ),
        ),
    ),
    Step(
        title="The contractor's own moderator, in Fukuoka, reads the same image",
        who=TANAKA,
        site="fukuoka-center",
        queries=(
            Query(
                sql="SELECT id, caption, content FROM timeline_images WHERE id = 4",
                expect=Rows(count=1),
            ),
        ),
    ),
    Step(
        title="The Shanghai engineer counts rows of a table with nothing personal",
        who=LI,
        site="shanghai-office",
        queries=(Query(sql="SELECT count(*) FROM stickers", expect=Rows(count=1)),),
    ),
    Step(
        title="An affiliate's engineer in Korea reads payments; users were told of Korea",
        who=KIM,
        site="seoul-office",
        queries=(
            Query(
                sql="SELECT id, amount, currency, method, paid_at FROM payments WHERE user_id = 6",
                expect=Rows(count=2, cross_border=True),
            ),
            Query(
                sql="SELECT id, name FROM users WHERE id = 6",
                expect=Denied(
                    says=(r"\bKR\b|\bKorea\b", r"columns that remain: public\.users\.id\."),
                    because="as users were not told of names; the hint says what remains",
                ),
            ),
        ),
    ),
    Step(
        title="An engineer of the Japanese company, on a business trip in Seoul, reads a user",
        who=MORI,
        site="seoul-office",
        queries=(
            Query(
                sql="SELECT name, phone, email FROM users WHERE id = %s",
                parameters=(7,),
                expect=Rows(
                    count=1,
                    cross_border=True,
                    first=r"[^|]+\|\*\*\*[0-9]{4}\|[a-z0-9.-]+",
                    how="phone and e-mail masked",
                ),
            ),
        ),
    ),
)
