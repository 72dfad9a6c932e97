"""What drivers and tools ask by themselves, through the door as the engineer in Shanghai: allowed, unless it reads
people's data.

Each client's statements go over one connection in their order. A statement with ``$1`` is parsed, described and bound
with NULLs. A transaction that an error ended is opened again, so that the next statement stands where it stood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.demo.characters import LI
from tests.bypass.play import Entry, why
from tests.bypass.stage import Stage, Trail
from tests.bypass.talk import NoAnswer, Talk
from tests.houses import House

_PARAMETER = re.compile(r"\$\d")


@dataclass(frozen=True, slots=True)
class Asked:
    """One statement of the corpus."""

    id: str
    client: str
    sql: str

    @property
    def extended(self) -> bool:
        """Whether it comes with parameters of its own; those of PREPARE are SQL's."""
        return _PARAMETER.search(self.sql) is not None and not self.sql.lstrip().upper().startswith("PREPARE")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of it: allowed | rejected (by the server) | people (denied, rightly) | denied | trouble."""

    id: str
    client: str
    word: str
    reason: str
    sql: str


def read_housekeeping(path: Path) -> list[Asked]:
    """All statements of a file, in its order."""
    return [Asked(**json.loads(one)) for one in path.read_text(encoding="utf-8").splitlines() if one.strip()]


def ask_all(stage: Stage, trail: Trail, asked: list[Asked]) -> Iterator[Answer]:
    """Ask everything, client by client."""
    for client in dict.fromkeys(one.client for one in asked):
        house = stage.clean()
        talk = _connect(house)
        try:
            for one in (one for one in asked if one.client == client):
                if talk.closed:
                    talk.hang_up()
                    talk = _connect(house)
                trail.new(house)
                try:
                    yield _ask(house, trail, talk, one)
                except NoAnswer as trouble:
                    yield Answer(one.id, one.client, "trouble", str(trouble), one.sql)
                    talk.hang_up()
        finally:
            talk.hang_up()
            stage.soil()


def _connect(house: House) -> Talk:
    talk = Talk(house.ports.sites[LI.site])
    if not talk.login(house.parameters(LI), {}):
        raise RuntimeError(f"login refused: {talk.heard.errors}")
    return talk


def _ask(house: House, trail: Trail, talk: Talk, asked: Asked) -> Answer:
    before, errors = talk.heard.status, len(talk.heard.errors)
    if asked.extended:
        talk.heard.types = 0
        talk.step(("P", "", asked.sql), {})
        talk.step(("D", "S", ""), {})
        talk.step(("S",), {})
        if len(talk.heard.errors) == errors:
            talk.step(("B", "", "", [None] * talk.heard.types), {})
            talk.step(("E", "", 0), {})
            talk.step(("S",), {})
    else:
        talk.step(("Q", asked.sql), {})
    new = talk.heard.errors[errors:]
    entries = [one for one in trail.new(house) if one["kind"] in ("decision", "refusal")]
    if before == "T" and talk.heard.status == "E":
        talk.step(("Q", "ROLLBACK"), {})
        talk.step(("Q", "BEGIN"), {})
        trail.new(house)
    word, reason = _judge(entries, new, talk.closed)
    return Answer(asked.id, asked.client, word, reason, asked.sql)


def _judge(entries: list[Entry], errors: list, closed: bool) -> tuple[str, str]:
    denied = [one for one in entries if one["effect"] == "deny" and one["reason"] != "server_complaint"]
    if denied:
        first = denied[0]
        people = first["kind"] == "decision" and first["statement"]["complete"] and not first["data"]["unlabelled"]
        return ("people" if people else "denied"), why(first)
    if closed:
        return "denied", f"the connection was closed: {errors[-1]['M'] if errors else ''}"
    if errors:
        return "rejected", f"{errors[0]['C']} {errors[0]['M']}"
    return "allowed", ""
