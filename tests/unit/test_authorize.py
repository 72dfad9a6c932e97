"""The order: understand, decide, record, act. Real registry, real rules, real trees; only the sockets are missing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import PolicyUnavailable, Reason, RecordUnavailable, SekishoError
from gateway.model import (
    ColumnUse,
    ColumnUseKind,
    Confidence,
    Durability,
    Effect,
    PrincipalId,
    StatementEffect,
    StatementFacts,
)
from gateway.needs import Analysis, NeedDecision, NeedDurable, NeedTree, Outcome
from gateway.sql.facts import read_facts
from tests.driving import run_sync
from tests.houses import Analyses
from tests.worlds import NOW, SECOND, Bench

PHONES = "SELECT phone FROM users WHERE id = 3"
STICKERS = "SELECT count(*) FROM stickers"


def identity(outcome: Outcome) -> str:
    assert outcome.decision is not None
    return outcome.decision.id


@pytest.fixture
def bench(analyses: Analyses) -> Bench:
    return Bench(analyses)


def test_understand_then_decide_then_record(bench: Bench) -> None:
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", PHONES))
    assert outcome.allowed
    assert outcome.reason is Reason.ALLOWED
    assert bench.kinds == [NeedTree, NeedDecision, NeedDurable]
    assert bench.durability is Durability.SYNCED  # people's data
    assert bench.entry["kind"] == "decision"
    assert bench.entry["decision_id"] == identity(outcome)


def test_nothing_personal_need_only_be_written(bench: Bench) -> None:
    assert bench.decide(bench.ask("li", "shanghai-office", STICKERS)).allowed
    assert bench.durability is Durability.WRITTEN


def test_a_denial_says_rule_fact_citation_and_id(bench: Bench) -> None:
    outcome = bench.decide(bench.ask("li", "shanghai-office", PHONES))
    assert not outcome.allowed
    assert (outcome.reason, outcome.sqlstate) == (Reason.POLICY_DENIED, "42501")
    assert "CN" in outcome.message
    for word in ("jp-appi-28", 'employer.chain[1].country = "CN"', "APPI Art. 28", identity(outcome)):
        assert word in outcome.detail
    assert "3" not in outcome.message
    assert bench.durability is Durability.SYNCED
    assert bench.entry["effect"] == "deny"


def test_the_record_holds_no_literal(bench: Bench) -> None:
    bench.decide(bench.ask("sato", "tokyo-hq", "SELECT name FROM users WHERE phone = '+81-90-1234-5678'"))
    assert "1234" not in json.dumps(bench.entry)
    assert bench.entry["statement"]["text"] == "SELECT name FROM users WHERE phone = $1"


def test_a_standing_decision_is_recorded_again_and_nothing_else_is_done_twice(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    first = bench.decide(ask)
    second = bench.decide(ask, at=NOW + 5)
    assert second.allowed
    assert bench.kinds == [NeedDurable]
    assert bench.entry["kind"] == "repeat"
    assert bench.entry["of"] == identity(first)
    assert identity(second) != identity(first)
    assert second.decision is not None
    assert second.decision.reused


def test_another_session_gets_a_full_entry_of_its_own(bench: Bench) -> None:
    bench.decide(bench.ask("sato", "tokyo-hq", PHONES))
    bench.decide(bench.ask("sato", "tokyo-hq", PHONES, session="s-2"))
    assert bench.kinds == [NeedDurable]
    assert bench.entry["kind"] == "decision"


def test_a_known_statement_of_another_person_needs_no_tree(bench: Bench) -> None:
    bench.decide(bench.ask("sato", "tokyo-hq", PHONES))
    assert not bench.decide(bench.ask("li", "shanghai-office", PHONES)).allowed
    assert set(bench.kinds) == {NeedDecision, NeedDurable}


def test_a_new_epoch_asks_the_server_again(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    bench.decide(ask)
    bench.world.current_epoch = "epoch-2"
    bench.decide(ask)
    assert bench.kinds == [NeedTree, NeedDecision, NeedDurable]


def relations_of(analyses: Analyses, text: str) -> frozenset[str]:
    """OIDs of what a statement rests on."""
    analysis = analyses(text)
    facts = read_facts("select", analysis.trees, analysis.catalog, max_tree_bytes=8_388_608)
    assert facts.depends
    return facts.depends


def test_what_does_not_rest_on_what_changed_is_still_known(bench: Bench, analyses: Analyses) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    first = bench.decide(ask)
    (stickers,) = relations_of(analyses, STICKERS)
    bench.world.moved("epoch-2", stickers)
    second = bench.decide(ask)
    assert second.standing is first.standing
    assert bench.kinds == [NeedDurable]
    bench.world.moved("epoch-3", stickers)
    assert bench.decide(ask).allowed
    assert bench.kinds == [NeedDurable]


def test_what_rests_on_what_changed_is_asked_again(bench: Bench, analyses: Analyses) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    standing = bench.decide(ask).standing
    assert standing is not None
    bench.world.moved("epoch-2", *relations_of(analyses, PHONES))
    assert not bench.authority.usable(standing, NOW)
    bench.world.moved("epoch-3", *relations_of(analyses, STICKERS))
    assert not bench.authority.usable(standing, NOW), "not by what came after it either"
    bench.decide(ask)
    assert bench.kinds == [NeedTree, NeedDecision, NeedDurable]


def test_a_change_of_everything_leaves_nothing(bench: Bench) -> None:
    texts = [PHONES, STICKERS, "SELECT 1"]
    for text in texts:
        bench.decide(bench.ask("sato", "tokyo-hq", text))
    bench.world.moved("epoch-2")
    for text in texts:
        bench.decide(bench.ask("sato", "tokyo-hq", text))
        assert bench.kinds[0] is NeedTree


def test_what_names_no_relation_stands_whichever_changed(bench: Bench) -> None:
    for text in ("BEGIN", "SELECT 1"):
        ask = bench.ask("sato", "tokyo-hq", text)
        bench.decide(ask)
        bench.world.moved(f"after {text}", "16384")
        bench.decide(ask)
        assert bench.kinds == [NeedDurable]


def test_what_was_not_understood_is_asked_again_whatever_changed(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", "SELECT pg_read_file('x')")
    assert bench.decide(ask).reason is Reason.STATEMENT_INCOMPLETE
    bench.world.moved("epoch-2", "99999")
    bench.decide(ask)
    assert bench.kinds[0] is NeedTree


def test_an_answer_found_to_stand_later_makes_no_text_newer_than_its_own_tree(bench: Bench, analyses: Analyses) -> None:
    """Two texts with one question: the second one's tree is of before a change that only it rests on."""
    bench.decide(bench.ask("sato", "tokyo-hq", PHONES))
    late = PHONES.replace("3", "4.5")

    def moving(text: str) -> Analysis:
        found = analyses(text)
        bench.world.moved("epoch-2", "99999")
        return found

    bench.analyses = moving
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", late))
    assert outcome.standing is not None
    assert outcome.standing.epoch == "epoch-1"


def test_the_entry_says_by_which_catalogs_and_how_old_they_are(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    bench.world.seen_ns = NOW * SECOND - 412_900_000
    bench.decide(ask)
    assert (bench.entry["epoch"], bench.entry["epoch_age_ms"]) == ("epoch-1", 412)
    bench.decide(ask, at=NOW + 2)
    assert bench.entry["kind"] == "repeat"
    assert bench.entry["epoch_age_ms"] == 2412
    bench.world.seen_ns = (NOW + 9) * SECOND  # looked at while it was decided
    bench.decide(ask)
    assert bench.entry["epoch_age_ms"] == 0


def test_without_an_epoch_nothing_is_reused(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    bench.decide(ask)
    bench.world.current_epoch = None
    bench.decide(ask)
    assert bench.kinds == [NeedTree, NeedDecision, NeedDurable]


def test_an_epoch_that_moves_during_analysis_keeps_nothing(bench: Bench, analyses: Analyses) -> None:
    def moving(text: str) -> Analysis:
        bench.world.current_epoch = "epoch-2"
        return analyses(text)

    bench.analyses = moving
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    bench.decide(ask)
    bench.analyses = analyses
    bench.decide(ask)
    assert bench.kinds == [NeedTree, NeedDecision, NeedDurable]


def test_a_new_policy_revision_asks_again(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    bench.decide(ask)
    bench.world.policy_revision = "other"
    bench.decide(ask)
    assert bench.kinds == [NeedDecision, NeedDurable]


def test_an_expired_token_is_denied_in_the_middle_of_a_session(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES, expires_at=NOW + 10)
    assert bench.decide(ask).allowed
    assert bench.decide(ask, at=NOW + 9).allowed
    late = bench.decide(ask, at=NOW + 10)
    assert (late.reason, late.sqlstate) == (Reason.TOKEN_EXPIRED, "28000")


def test_rules_that_nobody_renewed_decide_no_more_known_statements_too(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    bench.world.stale = NOW + 10
    assert bench.decide(ask, at=NOW + 9).allowed
    late = bench.decide(ask, at=NOW + 10)
    assert (late.reason, late.sqlstate) == (Reason.POLICY_STALE, "58000")
    assert bench.kinds == [NeedDurable], "nobody is even asked"
    bench.world.stale = NOW + 20
    assert bench.decide(ask, at=NOW + 10).allowed


def test_a_clock_set_back_asks_again(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    bench.decide(ask)
    bench.decide(ask, at=NOW - 100)
    assert NeedDecision in bench.kinds


@pytest.mark.parametrize(
    ("need", "error", "reason"),
    [
        (NeedTree, PolicyUnavailable(Reason.TWIN_UNAVAILABLE, "gone"), Reason.TWIN_UNAVAILABLE),
        (NeedTree, PolicyUnavailable(Reason.TWIN_TIMEOUT, "slow"), Reason.TWIN_TIMEOUT),
        (NeedDecision, PolicyUnavailable(Reason.ENGINE_UNAVAILABLE, "crash"), Reason.ENGINE_UNAVAILABLE),
        (NeedDecision, PolicyUnavailable(Reason.ENGINE_ANSWER_INVALID, "junk"), Reason.ENGINE_ANSWER_INVALID),
    ],
)
def test_what_cannot_be_asked_is_a_recorded_denial(
    bench: Bench, need: type, error: SekishoError, reason: Reason
) -> None:
    bench.raises[need] = error
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", PHONES))
    assert not outcome.allowed
    assert (outcome.reason, outcome.sqlstate) == (reason, "58000")
    assert bench.entry["kind"] == "refusal"
    assert bench.entry["reason"] == reason
    assert bench.durability is Durability.SYNCED
    assert outcome.decision is not None
    assert outcome.decision.verdict.effect is Effect.DENY


@pytest.mark.parametrize("who", ["sato", "li"])
def test_a_record_that_cannot_be_written_denies(bench: Bench, who: str) -> None:
    bench.raises[NeedDurable] = RecordUnavailable(Reason.RECORD_UNAVAILABLE, "disk full")
    outcome = bench.decide(bench.ask(who, "tokyo-hq", PHONES))
    assert not outcome.allowed
    assert (outcome.reason, outcome.sqlstate) == (Reason.RECORD_UNAVAILABLE, "58030")
    assert "disk" in outcome.detail


def test_a_reused_decision_denies_too_when_its_entry_cannot_be_written(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    assert bench.decide(ask).allowed
    bench.raises[NeedDurable] = RecordUnavailable(Reason.RECORD_UNAVAILABLE, "disk full")
    assert bench.decide(ask).reason is Reason.RECORD_UNAVAILABLE


def test_what_the_gate_refuses_goes_to_the_rules_as_incomplete(bench: Bench) -> None:
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", "DROP TABLE users"))
    assert outcome.reason is Reason.STATEMENT_INCOMPLETE
    assert bench.kinds == [NeedDecision, NeedDurable]
    assert "house-statement-understood" in outcome.detail


def test_the_servers_complaint_is_the_answer(bench: Bench) -> None:
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", "SELECT nmae FROM users"))
    assert outcome.reason is Reason.SERVER_COMPLAINT
    assert outcome.complaint is not None
    assert outcome.complaint.sqlstate == "42703"
    assert outcome.decision is None
    assert bench.entry["reason"] == "server_complaint"


def test_several_statements_are_judged_as_one(bench: Bench) -> None:
    text = f"{STICKERS}; {PHONES}; SELECT 1"
    assert bench.decide(bench.ask("sato", "tokyo-hq", text)).allowed
    assert bench.kinds == [NeedTree, NeedTree, NeedTree, NeedDecision, NeedDurable]
    assert bench.entry["statement"]["relations"] == ["public.stickers", "public.users"]
    assert not bench.decide(bench.ask("li", "shanghai-office", text)).allowed


def test_one_refused_statement_refuses_all(bench: Bench) -> None:
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", f"{STICKERS}; DROP TABLE stickers"))
    assert outcome.reason is Reason.STATEMENT_INCOMPLETE


def test_an_empty_query_is_allowed(bench: Bench) -> None:
    assert bench.decide(bench.ask("nobody", "tokyo-hq", " -- nothing")).allowed


def test_an_obligation_the_door_cannot_fulfil_is_a_denial(bench: Bench) -> None:
    # suzuki is on a trip in the demo's registry or not; what counts is an answer with an obligation
    raw = {
        "effect": "allow",
        "obligations": [{"kind": "mask", "relation": "public.users", "column": "phone", "method": "null"}],
        "findings": [],
        "cross_border": False,
        "durability": "synced",
        "valid_until": None,
        "headroom": None,
        "limits": [],
    }
    answer = bench.answer
    bench.answer = lambda need: raw if isinstance(need, NeedDecision) else answer(need)  # type: ignore[method-assign]
    refused = bench.decide(bench.ask("sato", "tokyo-hq", PHONES))
    assert (refused.reason, refused.sqlstate) == (Reason.OBLIGATION_UNSUPPORTED, "42501")
    able = bench.decide(bench.ask("sato", "tokyo-hq", PHONES, supports=frozenset({"mask"})))
    assert able.allowed


def test_rows_that_went_out_use_up_the_headroom(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    outcome = bench.decide(ask)
    assert outcome.standing is not None
    headroom = outcome.standing.verdict.headroom
    assert headroom is not None
    bench.authority.completed(outcome.standing, headroom - 1, NOW)
    assert bench.authority.usable(outcome.standing, NOW)
    bench.authority.completed(outcome.standing, 1, NOW)
    assert not bench.authority.usable(outcome.standing, NOW)
    late = bench.decide(ask)
    assert late.reason is Reason.POLICY_DENIED
    assert "house-volume" in late.detail


def test_again_needs_only_the_record(bench: Bench) -> None:
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", PHONES))
    assert outcome.standing is not None
    work = bench.authority.again(outcome.standing, "s-1", (NOW + 1) * SECOND)
    need = next(work)
    assert isinstance(need, NeedDurable)
    assert need.entry["kind"] == "repeat"
    with pytest.raises(StopIteration) as end:
        work.send(None)
    assert end.value.value.allowed


def test_explain_is_judged_as_what_it_explains(bench: Bench) -> None:
    assert bench.decide(bench.ask("sato", "tokyo-hq", f"EXPLAIN {PHONES}")).allowed
    refused = bench.decide(bench.ask("li", "shanghai-office", f"EXPLAIN (COSTS off) {PHONES}"))
    assert refused.reason is Reason.POLICY_DENIED


def test_a_revision_that_moves_while_the_rules_are_asked_voids_the_answer(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    answer = bench.answer

    def moving(need: object) -> object:
        found = answer(need)  # type: ignore[arg-type]
        if isinstance(need, NeedDecision):
            bench.world.policy_revision = "newer"
        return found

    bench.answer = moving  # type: ignore[method-assign]
    bench.decide(ask)
    bench.answer = answer  # type: ignore[method-assign]
    bench.decide(ask)
    assert bench.kinds == [NeedDecision, NeedDurable]


def test_rows_of_a_write_count_too(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", "UPDATE users SET name = name WHERE id = 3 RETURNING phone")
    outcome = bench.decide(ask)
    assert outcome.allowed, outcome.detail
    assert outcome.standing is not None
    before = outcome.standing.understanding.volume.rows
    bench.authority.completed(outcome.standing, 7, NOW)
    assert bench.decide(bench.ask("sato", "tokyo-hq", "SELECT email FROM users"), at=NOW).standing is not None
    facts = outcome.standing.understanding
    assert bench.volume.rows(facts.data.controller, facts.employer.entity, NOW).rows == before + 7


def test_once_more_is_the_same_entry_at_once(bench: Bench) -> None:
    first = bench.decide(bench.ask("li", "shanghai-office", STICKERS))
    assert first.standing is not None
    now = (NOW + 5) * SECOND
    repeat = bench.authority.once_more(first.standing, "s-1", now)
    assert repeat is not None
    slow = run_sync(bench.authority.again(first.standing, "s-1", now), bench.answer)
    assert json.loads(repeat.entry) == {**bench.entry, "decision_id": repeat.decision_id}
    assert (repeat.standing, repeat.decision_id != identity(slow)) == (first.standing, True)


def test_once_more_is_not_for_what_needs_more_than_an_entry(bench: Bench) -> None:
    outcome = bench.decide(bench.ask("li", "shanghai-office", STICKERS))
    standing, now = outcome.standing, NOW * SECOND
    assert standing is not None
    assert bench.authority.once_more(standing, "s-2", now) is None  # not recorded in full in that session
    assert bench.authority.once_more(standing, "s-1", now - SECOND) is None  # a clock set back
    assert bench.authority.once_more(standing, "s-1", now + 3600 * SECOND) is None  # the login has expired
    assert bench.authority.once_more(standing, "s-1", now) is not None
    bench.world.policy_revision = "another"
    assert bench.authority.once_more(standing, "s-1", now) is None
    bench.world.policy_revision = bench.engine.revision
    bench.world.moved("epoch-2")
    assert bench.authority.once_more(standing, "s-1", now) is None
    denied = bench.decide(bench.ask("li", "shanghai-office", PHONES))
    assert denied.standing is not None
    assert bench.authority.once_more(denied.standing, "s-1", now) is None


def test_a_text_is_known_to_the_session_that_sent_it(bench: Bench) -> None:
    text, other = "SELECT name FROM stickers WHERE id = 7", "SELECT name FROM stickers WHERE id = 8"
    ask = bench.ask("li", "shanghai-office", text, sends=True)
    who, now = ask.principal.id, (NOW + 1) * SECOND
    assert bench.authority.known(text, "s-1", who, now) is None
    first = bench.decide(ask)
    same, like = (bench.authority.known(one, "s-1", who, now) for one in (text, other))
    assert same is not None
    assert "statement_hash" not in json.loads(same.entry)
    assert like is not None
    full = bench.decide(bench.ask("li", "shanghai-office", other, sends=True, session="s-9"))
    assert full.allowed
    assert json.loads(like.entry)["statement_hash"] == bench.entry["statement"]["hash"]
    assert json.loads(like.entry)["of"] == identity(first)
    assert bench.authority.known(text, "s-2", who, now) is None
    for unlike in ("SELECT name FROM stickers WHERE id = '7'", "SELECT id FROM stickers WHERE id = 7"):
        assert bench.authority.known(unlike, "s-1", who, now) is None
    bench.authority.forget_statements()
    assert bench.authority.known(text, "s-1", who, now) is None


def test_a_text_is_known_only_where_the_session_is_what_it_is(bench: Bench) -> None:
    """Not to a door that sends nothing on, in a strict session, with an open portal, or with types of parameters."""
    seen = bench.decide(bench.ask("li", "shanghai-office", STICKERS)).standing
    assert seen is not None
    facts = (seen.understanding.statement,)
    for changes in ({"sends": False}, {"own_session": True}, {"seen": facts}, {"parameter_types": (23,)}):
        ask = bench.ask("li", "shanghai-office", STICKERS, session="s-3", **{"sends": True, **changes})
        for _ in range(2):
            assert bench.decide(ask).allowed
        assert bench.authority.known(STICKERS, "s-3", ask.principal.id, NOW * SECOND) is None


def test_a_second_country_reaches_what_stands(bench: Bench) -> None:
    """Another session, another country, within minutes: what was answered before is not good any more, nor known."""
    names = "SELECT name FROM users WHERE id = 7"
    tokyo = bench.ask("mori", "tokyo-hq", names, sends=True)
    standing = bench.decide(tokyo).standing
    assert standing is not None
    who, now = tokyo.principal.id, (NOW + 5) * SECOND
    assert bench.authority.known(names, "s-1", who, now) is not None
    seoul = bench.decide(bench.ask("mori", "seoul-office", names, session="s-2"), at=NOW + 6)
    assert not seoul.allowed
    assert bench.entry["location"]["simultaneous"]
    assert bench.entry["location"]["countries"] == ["JP", "KR"]
    assert not bench.authority.usable(standing, NOW + 7)
    assert bench.authority.once_more(standing, "s-1", now + 2 * SECOND) is None
    assert bench.authority.known(names, "s-1", who, now + 2 * SECOND) is None
    again = bench.decide(tokyo, at=NOW + 7)
    assert not again.allowed
    assert bench.kinds[-1] is NeedDurable
    assert "location.conflict" in again.detail


def test_the_second_country_is_forgotten_when_nobody_is_there_any_more(bench: Bench) -> None:
    names = "SELECT name FROM users WHERE id = 7"
    bench.decide(bench.ask("mori", "seoul-office", names))
    denied = bench.decide(bench.ask("mori", "tokyo-hq", names), at=NOW + 1)
    assert denied.standing is not None
    assert denied.standing.verdict.valid_until == NOW + 660
    assert not bench.decide(bench.ask("mori", "tokyo-hq", names), at=NOW + 659).allowed
    assert bench.decide(bench.ask("mori", "tokyo-hq", names), at=NOW + 660).allowed


def test_identities_of_one_person_are_in_one_place(bench: Bench) -> None:
    """A person's password and their token are one person; somebody else's statement is no sighting of them."""
    mori = next(one for one in bench.world.registry.people.values() if one.name == "Mori Kenta")
    people = {**bench.world.registry.people, PrincipalId("sekisho:service#svc_mori"): mori}
    bench.world.registry = replace(bench.world.registry, people=people)
    assert bench.decide(bench.ask("mori", "tokyo-hq", PHONES)).allowed
    assert bench.decide(bench.ask("sato", "tokyo-hq", PHONES)).allowed
    other = bench.ask("mori", "seoul-office", PHONES)
    service = replace(other.principal, issuer="sekisho:service", subject="svc_mori", database_user="svc_mori")
    assert not bench.decide(replace(other, principal=service), at=NOW + 1).allowed
    assert not bench.decide(bench.ask("mori", "tokyo-hq", PHONES), at=NOW + 2).allowed
    assert bench.decide(bench.ask("sato", "tokyo-hq", PHONES), at=NOW + 2).allowed


def given(*columns: str, relation: str = "public.users", **changes: Any) -> StatementFacts:
    """What a door says by itself."""
    facts = StatementFacts(
        kind="resource",
        effect=StatementEffect.READ,
        complete=True,
        confidence=Confidence.INFERRED,
        relations=(relation,),
        columns=tuple(ColumnUse(relation=relation, column=one, use=ColumnUseKind.OUTPUT) for one in columns),
    )
    return replace(facts, **changes)


def trusting(bench: Bench, word: Confidence) -> None:
    """The demo's catalog says how well it must be known what a statement does."""
    registry = bench.world.registry
    catalog = {name: replace(source, trust=word) for name, source in registry.catalog.items()}
    bench.world.registry = replace(registry, revision=f"trusts {word}", catalog=catalog)


def test_what_a_door_says_by_itself_is_not_asked_of_the_server(bench: Bench) -> None:
    trusting(bench, Confidence.INFERRED)
    bench.world.current_epoch = None  # its twin is down, or it has none
    ask = bench.ask("sato", "tokyo-hq", "GET /users", given=given("phone"))
    assert bench.decide(ask).allowed
    assert bench.kinds == [NeedDecision, NeedDurable]
    statement, data = bench.entry["statement"], bench.entry["data"]
    assert (statement["confidence"], statement["text"], statement["columns"]) == (
        "inferred",
        "GET /users",
        {"output": ["public.users.phone"]},
    )
    assert (data["trust"], data["data_types"], bench.entry["epoch"]) == (
        "inferred",
        ["user.contact.phone_number"],
        None,
    )
    bench.needs.clear()
    again = bench.decide(ask)
    assert (again.allowed, again.decision is not None and again.decision.reused) == (True, True)
    assert (bench.kinds, bench.entry["kind"]) == ([NeedDurable], "repeat")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (Confidence.INFERRED, Confidence.ATTESTED),
        (Confidence.DECLARED, Confidence.ATTESTED),
        (Confidence.DECLARED, Confidence.INFERRED),
    ],
)
def test_what_is_less_certain_than_the_datasource_wants_is_denied(
    bench: Bench, said: Confidence, wanted: Confidence
) -> None:
    trusting(bench, wanted)
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", "x", given=given("phone", confidence=said)))
    assert (outcome.reason, outcome.sqlstate) == (Reason.FACTS_NOT_ATTESTED, "42501")
    assert "house-facts-attested" in outcome.detail
    stickers = given("name", relation="public.stickers", confidence=said)
    assert bench.decide(bench.ask("sato", "tokyo-hq", "x", given=stickers)).allowed, "about nobody"


def test_what_a_door_says_is_looked_up_in_the_catalog(bench: Bench) -> None:
    trusting(bench, Confidence.DECLARED)
    for facts in (given("shoe_size"), given("id", relation="public.nowhere")):
        outcome = bench.decide(bench.ask("sato", "tokyo-hq", "x", given=facts))
        assert outcome.reason is Reason.POLICY_DENIED
        assert "house-labelled" in outcome.detail


def test_what_a_door_could_not_establish_is_denied(bench: Bench) -> None:
    trusting(bench, Confidence.DECLARED)
    facts = given("phone", complete=False, incomplete="function_refused", detail="upper()")
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", "x", given=facts))
    assert outcome.reason is Reason.STATEMENT_INCOMPLETE
    assert "upper()" in outcome.message


def test_the_same_words_with_other_facts_are_another_question(bench: Bench) -> None:
    trusting(bench, Confidence.INFERRED)
    assert bench.decide(bench.ask("sato", "tokyo-hq", "x", given=given("phone"))).allowed
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", "x", given=given("shoe_size")))
    assert outcome.reason is Reason.POLICY_DENIED
    bench.world.policy_revision = "others"
    bench.needs.clear()
    assert bench.decide(bench.ask("sato", "tokyo-hq", "x", given=given("phone"))).allowed
    assert NeedDecision in bench.kinds, "other rules: asked again"


def test_a_decision_that_comes_too_late_is_a_recorded_denial_wherever_it_waits(bench: Bench) -> None:
    """Standing or not: whoever asked has left, and nothing is let through."""
    ask = bench.ask("sato", "tokyo-hq", "SELECT 1")
    late = SekishoError(Reason.DEADLINE_EXCEEDED, "the caller waits no longer")
    for _ in range(2):
        work = bench.authority.authorize(ask, NOW * SECOND)
        work.send(None)
        entry = work.throw(late)
        while not isinstance(entry, NeedDurable):
            entry = work.send(bench.answer(entry))
        assert (entry.entry["kind"], entry.entry["reason"], entry.entry["effect"]) == (
            "refusal",
            Reason.DEADLINE_EXCEEDED,
            "deny",
        )
        with pytest.raises(StopIteration) as end:
            work.send(None)
        assert end.value.value.reason is Reason.DEADLINE_EXCEEDED
        bench.decide(ask)
