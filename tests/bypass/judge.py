"""The verdict of a case.

=================  ==================================================================================================
``resolved``       denied, and the record reports exactly what the case touches
``superset``       denied, and the record reports all of it and more (listed)
``unresolved``     denied, nothing leaked, but the record reports less than what the case touches (listed)
``denied``         nothing leaked, where nothing else is asked
``rejected``       the server itself rejects the statement; nothing leaked
``login_refused``  the connection was refused before any statement; nothing leaked
``allowed``        a control came through
``not_denied``     an attack that was let through and shows no evidence of a leak: look at it
``leak``           evidence came back: a bug
``failed``         a control did not come through, or nothing answered: a bug
``skipped``        this server cannot play it
=================  ==================================================================================================
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.demo.characters import LI, SATO, Character
from tests.bypass.cases import Case
from tests.bypass.play import Played, play, requester
from tests.bypass.stage import Stage, Trail

BAD = frozenset({"leak", "failed"})


@dataclass(frozen=True, slots=True)
class Touches:
    """What was reported, against what the case says."""

    reported: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    inherited: tuple[str, ...]  # the touched columns again, in tables that inherit from theirs: they are read as well

    @classmethod
    def of(cls, stage: Stage, case: Case, played: Played) -> Touches:
        """Compare."""
        found = played.touched
        children = frozenset(
            f"{child}.{column.removeprefix(f'{parent}.')}"
            for parent, child in stage.inherits
            for column in case.touches
            if column.startswith(f"{parent}.")
        )
        parts = (found, case.touches - found, found - case.touches - children, found & children - case.touches)
        return cls(*(tuple(sorted(one)) for one in parts))

    @property
    def word(self) -> str:
        """How they compare."""
        return "missing" if self.missing else "superset" if self.extra else "exact"


@dataclass(slots=True)
class Result:
    """One line of the report."""

    id: str
    cat: str
    expected: str
    verdict: str
    leaked: bool = False
    reason: str = ""
    handled: str = ""  # where the case was not played just as it is written
    touches: Touches | None = None  # as the record of the denial has it
    allowed: dict[str, Any] = field(default_factory=dict)  # the same case asked by the engineer in Tokyo

    @property
    def bad(self) -> bool:
        """Whether the run fails by this."""
        return self.verdict in BAD

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def judge(stage: Stage, trail: Trail, case: Case) -> Result:
    """Play a case as the engineer in Shanghai, and judge it."""
    skip = _skip(stage, case)
    if skip:
        return Result(case.id, case.cat, case.expected, "skipped", reason=skip)
    handled = "" if case.role == "gw_app" else f"role {case.role}: through the profile of gw_owner"
    if case.startup:
        refused = play(stage, trail, stage.any(), case, requester(LI, case), startup=True)
        if not refused.login_refused or case.leaked(refused.text):
            return _verdict(stage, case, refused, handled)
        handled = f"{refused.login_refused.removeprefix('login refused: ')}"
        if not case.search_path:
            return Result(case.id, case.cat, case.expected, "login_refused", reason=refused.reason, handled=handled)
        handled = f"as start-up parameter: {handled}; pinned by configuration: see verdict"
    played = _play(stage, trail, case, LI)
    result = _verdict(stage, case, played, handled)
    if case.control and not result.leaked and result.verdict == "failed" and played.about_people:
        return _control(stage, trail, case, played)
    return result


def _play(stage: Stage, trail: Trail, case: Case, who: Character, *, soiled: bool = False) -> Played:
    house = stage.clean(case.search_path, case.setup_sql, soiled=soiled)
    return play(stage, trail, house, case, requester(who, case), startup=False)


def _verdict(stage: Stage, case: Case, played: Played, handled: str) -> Result:
    leaked = case.leaked(played.text) and not case.control
    touches = Touches.of(stage, case, played)
    result = Result(case.id, case.cat, case.expected, "", leaked, played.reason, handled, touches)
    if leaked:
        result.verdict = "leak"
    elif played.trouble:
        result.verdict = "failed"
    elif case.control:
        result.verdict = "allowed" if played.completed else "failed"
    elif played.denials or played.login_refused:
        words = {"exact": "resolved", "superset": "superset", "missing": "unresolved"}
        result.verdict = words[touches.word] if case.expected == "resolve" else "denied"
    elif played.complaint:
        result.verdict = "rejected"
    elif any(one.errors for one in played.heard):
        result.verdict = "denied"  # by the protocol itself: see the reason
    else:
        result.verdict = "not_denied"
    return result


def _control(stage: Stage, trail: Trail, case: Case, denied: Played) -> Result:
    """Rows of a labelled table are people's data whichever column is read: such a control is the other one's to ask.

    It holds where the record says exactly which columns are touched, and where who may read the table gets the rows.
    """
    played = _play(stage, trail, case, SATO)
    result = _verdict(stage, case, played, "denied in Shanghai by the table's label, allowed in Tokyo")
    if result.touches is not None and (
        result.touches.word != "exact" or Touches.of(stage, case, denied).word != "exact"
    ):
        result.verdict, result.reason = "failed", f"touches differ: {result.touches}"
    return result


def ask_in_tokyo(stage: Stage, trail: Trail, case: Case, result: Result) -> None:
    """The same case asked by who is allowed, so that what is reported is from a complete analysis.

    Its rows are nobody's concern here: without a set-up of its own it takes the database as others left it.
    """
    if case.expected != "resolve" or result.verdict == "skipped":
        return
    played = _play(stage, trail, case, SATO, soiled=not case.setup_sql)
    touches = Touches.of(stage, case, played)
    result.allowed = {
        "complete": played.complete,
        "touches": touches.word,
        "missing": touches.missing,
        "extra": touches.extra,
        "rows": played.rows,
        "seen": case.leaked(played.text),  # what proves a leak, where it is none: so the evidence is a real one
        "reason": played.reason,
    }


def _skip(stage: Stage, case: Case) -> str:
    major = stage.server.major
    if not case.pg_min <= major <= case.pg_max:
        return f"for PostgreSQL {case.pg_min} and newer" if major < case.pg_min else f"up to PostgreSQL {case.pg_max}"
    lacking = sorted(case.needs() & set(stage.missing))
    if lacking:
        return f"this server has no {', '.join(lacking)}"
    return ""
