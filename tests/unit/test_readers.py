"""Whoever reads the record: the rules are asked, and nothing is read before the entry that says so is on disk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.demo.characters import ISSUER
from gateway.errors import PolicyUnavailable, Reason, RecordUnavailable
from gateway.facts.registry import load_registry
from gateway.inquiry import Inquiry, Looking, Reading
from gateway.model import Door, Durability, Effect, Peer, Principal
from gateway.needs import Need, NeedDecision, NeedDurable, Outcome
from gateway.policy.inprocess import InProcessEngine
from gateway.readers import Readers
from tests.driving import run_sync
from tests.packs import packs
from tests.worlds import NOW, REGISTRY, SECOND, StillWorld

ENGINE = InProcessEngine(packs())
OWNER = Principal(issuer="os", subject="sekisho", database_user="", groups=("record-owner",), expires_at=NOW + 60)
LI = Principal(issuer=ISSUER, subject="li", database_user="li", groups=("engineer",), expires_at=NOW + 60)
ALL = Reading(what=Looking.DECISIONS)


class Asked:
    """Readers of the demo's world, and every need they had."""

    def __init__(self) -> None:
        self.world = StillWorld(load_registry(REGISTRY), ENGINE.revision)
        self.needs: list[Need] = []
        self.raises: dict[type, Exception] = {}
        self.answers: Any = None  # in place of the rules'

    def __call__(self, principal: Principal, reading: Reading = ALL, door: Door | None = None) -> Outcome:
        self.needs.clear()
        readers = Readers(world=self.world, sightings=None, new_id=lambda: "d-1")
        inquiry = Inquiry(door=door, principal=principal, peer=Peer(address=None, site="tokyo-hq"), reading=reading)
        return run_sync(readers.authorize(inquiry, NOW * SECOND, {"host": "h"}), self._answer)

    def _answer(self, need: Need) -> Any:
        self.needs.append(need)
        if type(need) in self.raises:
            raise self.raises[type(need)]
        if not isinstance(need, NeedDecision):
            return None
        return self.answers or ENGINE.evaluate(need.document)

    @property
    def entry(self) -> Any:
        need = self.needs[-1]
        assert isinstance(need, NeedDurable)
        assert need.durability is Durability.SYNCED
        return need.entry


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_reading_is_decided_then_recorded(asked: Asked) -> None:
    outcome = asked(OWNER, Reading(what=Looking.DECISIONS, entity="line-cn", since=NOW - 60))
    assert (outcome.allowed, outcome.reason) == (True, Reason.ALLOWED)
    assert [type(need) for need in asked.needs] == [NeedDecision, NeedDurable]
    entry = asked.entry
    assert (entry["kind"], entry["action"], entry["effect"]) == ("decision", "audit.read", Effect.ALLOW)
    assert entry["reading"] == {
        "what": "decisions",
        "entity": "line-cn",
        "principal": None,
        "since": NOW - 60,
        "until": None,
    }
    assert (entry["principal"]["id"], entry["door"], entry["attribution"]) == ("os#sekisho", None, {"host": "h"})


def test_whoever_is_not_named_is_told_so_and_recorded(asked: Asked) -> None:
    outcome = asked(LI, door=Door.HTTP)
    assert (outcome.allowed, outcome.reason, outcome.sqlstate) == (False, Reason.POLICY_DENIED, "42501")
    assert "reading the record (decisions) is for those who are named for it" in outcome.message
    assert "Rule: house-record-readers (house rule)" in outcome.detail
    entry = asked.entry
    assert [one["rule"] for one in entry["findings"]] == ["house-record-readers"]
    assert entry["employer"]["entity"] == "line-cn"
    assert entry["location"]["countries"] == ["JP"]


def test_no_rule_about_statements_is_asked(asked: Asked) -> None:
    """Li in Shanghai is denied every statement about people; why that is she may ask."""
    own = Reading(what=Looking.EXPLAIN, principal=LI.id)
    assert asked(LI, own, Door.GRPC).allowed
    assert asked.entry["findings"] == []


def test_yesterdays_token_and_stale_rules_read_nothing(asked: Asked) -> None:
    assert asked(replace(OWNER, expires_at=NOW)).reason is Reason.TOKEN_EXPIRED
    asked.world.stale = NOW
    assert asked(OWNER).reason is Reason.POLICY_STALE
    assert (asked.entry["kind"], asked.entry["action"]) == ("refusal", "audit.read")
    assert asked.entry["reading"]["what"] == "decisions"


def test_engine_that_does_not_answer_denies(asked: Asked) -> None:
    asked.raises[NeedDecision] = PolicyUnavailable(Reason.ENGINE_TIMEOUT)
    assert asked(OWNER).reason is Reason.ENGINE_TIMEOUT
    assert asked.entry["reason"] is Reason.ENGINE_TIMEOUT


def test_record_that_cannot_be_written_denies(asked: Asked) -> None:
    asked.raises[NeedDurable] = RecordUnavailable(Reason.RECORD_UNAVAILABLE, "the disk is full")
    outcome = asked(OWNER)
    assert (outcome.allowed, outcome.reason) == (False, Reason.RECORD_UNAVAILABLE)
    assert asked(LI).reason is Reason.RECORD_UNAVAILABLE


def test_obligation_on_a_reading_denies(asked: Asked) -> None:
    asked.answers = {
        "effect": "allow",
        "obligations": [{"kind": "row_limit", "rows": 5}],
        "findings": [],
        "cross_border": True,
        "durability": "synced",
        "valid_until": None,
        "headroom": None,
        "limits": [],
    }
    assert asked(OWNER).reason is Reason.OBLIGATION_UNSUPPORTED
