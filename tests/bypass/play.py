"""One case played by one requester: what came back over every connection, and what the record says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.demo.characters import LI, SATO, Character
from tests.bypass.cases import Case
from tests.bypass.stage import Stage, Trail
from tests.bypass.talk import Heard, NoAnswer, Talk
from tests.houses import House

Entry = Mapping[str, Any]

# The same two people with the owner's profile: what the token's groups say decides.
_OWNERS = {one.subject: Character(subject=one.subject, groups=("owner",), site=one.site) for one in (LI, SATO)}


def requester(who: Character, case: Case) -> Character:
    """The person as this case asks: with the owner's role where the case needs more than the application's."""
    return who if case.role == "gw_app" else _OWNERS[who.subject]


@dataclass(slots=True)
class Played:
    """What one play brought."""

    heard: list[Heard] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    login_refused: str = ""
    trouble: str = ""

    @property
    def text(self) -> str:
        """All that came back."""
        return "\n".join(one.text for one in self.heard)

    @property
    def rows(self) -> int:
        """Rows and COPY lines that came."""
        return sum(one.rows for one in self.heard)

    @property
    def completed(self) -> bool:
        """Whether statements ran and nothing went wrong."""
        return any(one.tags for one in self.heard) and not any(one.errors for one in self.heard)

    @property
    def judged(self) -> list[Entry]:
        """Decisions and refusals."""
        return [one for one in self.entries if one["kind"] in ("decision", "refusal")]

    @property
    def denials(self) -> list[Entry]:
        """Decisions against, and refusals for a reason of the gateway's own."""
        return [one for one in self.judged if one["effect"] == "deny" and one["reason"] != "server_complaint"]

    @property
    def complaint(self) -> str:
        """The SQLSTATE with which the server itself rejected a statement, if it did."""
        return next((one["sqlstate"] for one in self.judged if one["reason"] == "server_complaint"), "")

    @property
    def touched(self) -> frozenset[str]:
        """Columns that the record's entries report, in whatever use."""
        return frozenset(
            column
            for one in self.judged
            for columns in one["statement"].get("columns", {}).values()
            for column in columns
        )

    @property
    def complete(self) -> bool:
        """Whether every statement was understood."""
        decided = [one for one in self.judged if one["kind"] == "decision"]
        return bool(decided) and all(one["statement"]["complete"] for one in decided)

    @property
    def about_people(self) -> bool:
        """Whether a denied statement was about people by its labels, and complete."""
        return any(
            one["kind"] == "decision" and one["statement"]["complete"] and one["data"]["about_people"]
            for one in self.denials
        )

    @property
    def wrote(self) -> bool:
        """Whether something that changes the database was allowed."""
        return any(
            one["kind"] == "decision" and one["effect"] == "allow" and one["statement"]["effect"] == "write"
            for one in self.entries
        )

    @property
    def reason(self) -> str:
        """Why it was denied, in a line."""
        if self.trouble or self.login_refused:
            return self.trouble or self.login_refused
        return "; ".join(dict.fromkeys(why(one) for one in self.denials)) or (
            f"the server rejects it: {self.complaint}" if self.complaint else self._closed()
        )

    def _closed(self) -> str:
        events = [one for one in self.entries if one["kind"] == "event" and one["reason"]]
        return f"{events[-1]['event']}: {events[-1]['reason']} {events[-1]['detail']}".strip() if events else ""


def why(entry: Entry) -> str:
    """A denial in a line: reason, code and detail where the statement was not understood, else the first rule."""
    statement = entry["statement"]
    if entry["kind"] == "refusal":
        return " ".join(filter(None, (entry["reason"], entry["detail"])))
    if not statement["complete"]:
        return " ".join(filter(None, ("incomplete", statement["incomplete"], statement["detail"])))
    finding = next(iter(entry["findings"]), None)
    said = f"{finding['rule']} {finding['value'] if finding['rule'] == 'house-labelled' else ''}" if finding else ""
    return f"{entry['reason']} {said}".strip()


def play(stage: Stage, trail: Trail, house: House, case: Case, who: Character, *, startup: bool = True) -> Played:
    """Send the case's messages. ``startup`` False leaves its start-up parameters out."""
    played = Played()
    trail.new(house)
    connections: dict[int, Talk] = {}
    oids = _functions(stage, case)
    current, outside = 0, False

    def connection(number: int) -> Talk | None:
        if number not in connections:
            talk = Talk(house.ports.sites[who.site])
            connections[number] = talk
            played.heard.append(talk.heard)
            if not talk.login(house.parameters(who), case.startup if startup else {}):
                last = talk.heard.errors[-1] if talk.heard.errors else {}
                played.login_refused = f"login refused: {last.get('C', '')} {last.get('M', '')}"
        talk = connections[number]
        return None if played.login_refused else talk

    try:
        for step in case.steps:
            if step[0] == "@":
                current, outside = step[1], len(step) > 2
                continue
            if outside:  # an administrator past the gateway
                with stage.admin() as admin:
                    admin.execute(step[1].encode())
                stage.soil()
                stage.caught_up()
                continue
            talk = connection(current)
            if talk is None:
                break
            talk.step(step, oids)
        for talk in connections.values():
            talk.close()
    except NoAnswer as trouble:
        played.trouble = f"no answer: {trouble}"
        stage.soil()
    finally:
        for talk in connections.values():
            talk.hang_up()
    played.entries = trail.new(house)
    if played.wrote:
        stage.soil()
    return played


def _functions(stage: Stage, case: Case) -> dict[str, int]:
    names = [step[1] for step in case.steps if step[0] == "F"]
    if not names:
        return {}
    with stage.admin() as admin:
        query = "SELECT %s::regprocedure::oid::int8"
        return {name: admin.execute(query, (name,)).fetchone()[0] for name in names}  # type: ignore[index]
