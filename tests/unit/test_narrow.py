"""Obligations written into statements: real trees, real proof; what cannot be narrowed is denied and says why."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from gateway.errors import Reason
from gateway.naming import Meaning, NameKind
from gateway.needs import Ask, NeedDecision, NeedReading, NeedTree, Outcome
from gateway.reading import NarrowText, Proof, ProveText
from tests.houses import Analyses
from tests.worlds import Bench

MASK = {"kind": "mask", "relation": "public.users", "column": "phone", "method": "partial"}
LIMIT = {"kind": "row_limit", "rows": 5}
FILTER = {"kind": "row_filter", "relation": "public.users", "predicate": "koreans"}
KOREA = {"kind": "subject_countries", "relation": "public.users", "column": "country", "countries": ["KR"]}
KINDS = frozenset({"mask", "row_filter", "row_limit", "subject_countries"})
PHONES = "SELECT phone FROM users WHERE id = 3"


class Narrowing(Bench):
    """Rules that allow everything under given obligations."""

    def __init__(self, analyses: Analyses) -> None:
        super().__init__(analyses)
        self.obligations: list[dict[str, Any]] = [MASK]

    def answer(self, need: Any) -> Any:
        found = super().answer(need)
        if isinstance(need, NeedDecision):
            return {**found, "effect": "allow", "findings": [], "obligations": self.obligations}
        return found

    def ask(self, who: str, site: str, sql: str, **changes: Any) -> Ask:
        return super().ask(who, site, sql, **{"supports": KINDS, "sends": True, **changes})


@pytest.fixture
def bench(analyses: Analyses) -> Narrowing:
    return Narrowing(analyses)


def sent(outcome: Outcome) -> str | None:
    assert outcome.standing is not None
    assert outcome.allowed, outcome.message
    return outcome.standing.text


def test_the_mask_stands_in_the_text_that_goes_on(bench: Narrowing) -> None:
    text = sent(bench.decide(bench.ask("sato", "tokyo-hq", PHONES)))
    assert text is not None
    assert text.startswith("SELECT phone FROM (SELECT ")
    assert text.endswith(') AS "users" WHERE id = 3')
    assert "pg_catalog.right(" in text


def test_rows_are_of_people_in_the_countries_that_are_left(bench: Narrowing) -> None:
    bench.obligations = [KOREA]
    text = sent(bench.decide(bench.ask("sato", "tokyo-hq", "SELECT count(*) FROM users")))
    assert text is not None
    assert """ WHERE ("country"::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY['KR'::pg_catalog.text]""" in text
    assert text.endswith('OFFSET 0) AS "users"')
    entry = bench.entry["obligations"]
    assert entry == [KOREA]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({**KOREA, "column": "email"}, "does not say that public.users.email is each row's subject country"),
        ({**KOREA, "relation": "public.messages"}, "does not say that public.messages.country is each row's"),
    ],
)
def test_only_the_catalog_says_which_column_holds_a_rows_country(
    bench: Narrowing, wrong: dict[str, Any], why: str
) -> None:
    bench.obligations = [wrong]
    for sends in (True, False):  # whoever carries it out
        outcome = bench.decide(bench.ask("sato", "tokyo-hq", PHONES, sends=sends))
        assert outcome.reason is Reason.OBLIGATION_UNSUPPORTED
        assert why in outcome.message


def oid_of(analyses: Analyses, name: str) -> str:
    relations = analyses("SELECT 1").catalog.relations
    return next(oid for oid, relation in relations.items() if relation.full_name == name)


def test_it_stands_while_nothing_changes_that_the_text_or_what_was_made_of_it_rests_on(
    bench: Narrowing, analyses: Analyses
) -> None:
    registry = bench.world.registry
    ((name, source),) = registry.catalog.items()
    flagged = "EXISTS (SELECT FROM public.feature_flags f WHERE f.key = country)"
    source = replace(source, row_filters=MappingProxyType({"koreans": flagged}))
    bench.world.registry = replace(registry, catalog=MappingProxyType({name: source}))
    bench.obligations = [MASK, FILTER]
    ask = bench.ask("sato", "tokyo-hq", PHONES)
    last = bench.decide(ask).standing
    assert last is not None
    assert last.text is not None
    bench.world.moved("elsewhere", oid_of(analyses, "public.stickers"))
    assert bench.decide(ask).standing is last
    for relation in ("public.users", "public.feature_flags"):
        bench.world.moved(relation, oid_of(analyses, relation))
        assert bench.decide(ask).standing is not last, relation
        assert bench.kinds.count(NeedTree) >= 3
        last = bench.decide(ask).standing


def test_what_cannot_be_narrowed_is_tried_again_after_any_change(bench: Narrowing, analyses: Analyses) -> None:
    ask = bench.ask("sato", "tokyo-hq", "SELECT phone FROM ONLY users")
    assert bench.decide(ask).reason is Reason.OBLIGATION_UNSUPPORTED
    bench.decide(ask)
    assert NeedTree not in bench.kinds
    bench.world.moved("epoch-2", oid_of(analyses, "public.stickers"))
    bench.decide(ask)
    assert NeedTree in bench.kinds


def test_the_same_text_is_narrowed_to_the_same_text(bench: Narrowing) -> None:
    first = sent(bench.decide(bench.ask("sato", "tokyo-hq", PHONES)))
    again = sent(bench.decide(bench.ask("sato", "tokyo-hq", PHONES, session="s-2")))
    assert NeedTree not in bench.kinds
    bench.world.policy_revision = "another"
    later = sent(bench.decide(bench.ask("sato", "tokyo-hq", PHONES)))
    assert first == again == later


def test_constants_of_a_known_shape_stay_the_texts_own(bench: Narrowing) -> None:
    """One answer of the rules for both; the text is each one's own."""
    bench.decide(bench.ask("sato", "tokyo-hq", "SELECT phone FROM users WHERE id = 3 LIMIT 3"))
    text = sent(bench.decide(bench.ask("sato", "tokyo-hq", "SELECT phone FROM users WHERE id = 4 LIMIT 4")))
    assert NeedDecision not in bench.kinds
    assert text is not None
    assert text.endswith("WHERE id = 4 LIMIT 4")


def test_nothing_owed_is_the_clients_own_text(bench: Narrowing) -> None:
    bench.obligations = []
    assert sent(bench.decide(bench.ask("sato", "tokyo-hq", PHONES))) is None


def test_a_door_that_only_answers_hands_the_obligations_on(bench: Narrowing) -> None:
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", PHONES, sends=False))
    assert sent(outcome) is None
    assert outcome.decision is not None
    assert [one.kind for one in outcome.decision.verdict.obligations] == ["mask"]


def test_limit_and_filter(bench: Narrowing, analyses: Analyses) -> None:
    bench.obligations = [LIMIT]
    assert (sent(bench.decide(bench.ask("sato", "tokyo-hq", PHONES))) or "").endswith("LIMIT '5'::pg_catalog.int8")
    bench.obligations = [FILTER]
    unknown = bench.decide(bench.ask("sato", "tokyo-hq", "SELECT id FROM users"))
    assert unknown.reason is Reason.OBLIGATION_UNSUPPORTED
    assert "no row filter called koreans" in unknown.message


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT phone FROM users; SELECT 1", "several statements"),
        ("UPDATE users SET name = phone", "only statements that read"),
        ("SELECT phone FROM users FOR UPDATE", "locks rows"),
        ("COPY users (phone) TO STDOUT", "write COPY (SELECT"),
        ("SELECT phone FROM ONLY users", "leave ONLY out"),
    ],
)
def test_what_cannot_be_narrowed_is_denied_and_says_why(bench: Narrowing, sql: str, why: str) -> None:
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", sql))
    assert (outcome.reason, outcome.sqlstate) == (Reason.OBLIGATION_UNSUPPORTED, "42501")
    assert why in outcome.message
    assert "house-obligation-supported" in outcome.detail


@pytest.mark.parametrize("sql", ["EXPLAIN SELECT phone FROM users", "COPY (SELECT phone FROM users) TO STDOUT"])
def test_what_stands_inside_is_narrowed(bench: Narrowing, sql: str) -> None:
    text = sent(bench.decide(bench.ask("sato", "tokyo-hq", sql)))
    assert text is not None
    assert "pg_catalog.right(" in text
    assert text.startswith(sql.split(" SELECT")[0].split("(SELECT")[0])


def test_an_unknown_obligation_is_never_carried_out(bench: Narrowing) -> None:
    bench.obligations = [{"kind": "approval", "relation": "public.users"}]
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", PHONES))
    assert outcome.reason is Reason.OBLIGATION_UNSUPPORTED


def test_catalogs_that_move_meanwhile_send_nothing(bench: Narrowing) -> None:
    asked: list[str] = []
    known = bench.analyses

    def moving(text: str) -> Any:
        asked.append(text)
        if len(asked) == 3:  # the narrowed text itself
            bench.world.current_epoch = "epoch-2"
        return known(text)

    bench.analyses = moving
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", PHONES))
    assert outcome.reason is Reason.TWIN_UNAVAILABLE
    assert bench.decide(bench.ask("sato", "tokyo-hq", PHONES)).allowed


LONG = f"SELECT phone FROM users WHERE id IN ({', '.join(map(str, range(600)))})"


def test_what_is_large_is_narrowed_and_proved_elsewhere_with_the_same_text(bench: Narrowing) -> None:
    text = sent(bench.decide(bench.ask("sato", "tokyo-hq", LONG)))
    assert text is not None
    assert text.startswith("SELECT phone FROM (SELECT ")
    assert text.endswith(LONG.removeprefix("SELECT phone FROM users "))
    tasks = [one.task for one in bench.needs if isinstance(one, NeedReading)]
    assert [type(one) for one in tasks if isinstance(one, NarrowText | ProveText)] == [NarrowText, ProveText]
    (work,) = [one for one in tasks if isinstance(one, NarrowText)]
    assert work.rewritten().text == text == work.perform().text


def test_what_is_large_and_cannot_be_narrowed_says_why(bench: Narrowing) -> None:
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", f"{LONG} FOR UPDATE"))
    assert (outcome.allowed, outcome.reason) == (False, Reason.OBLIGATION_UNSUPPORTED)
    assert "locks rows" in outcome.message


def test_what_is_large_and_not_proved_is_denied(bench: Narrowing) -> None:
    answer = bench.answer

    def doubting(need: Any) -> Any:
        found = answer(need)
        return Proof(shown=False, refused="it is not") if isinstance(found, Proof) else found

    bench.answer = doubting  # type: ignore[method-assign]
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", LONG))
    assert outcome.reason is Reason.OBLIGATION_UNSUPPORTED
    assert "it is not" in outcome.message


def test_further_trees_of_a_statement_are_not_counted_as_statements(bench: Narrowing) -> None:
    bench.decide(bench.ask("sato", "tokyo-hq", PHONES))
    trees = [one for one in bench.needs if isinstance(one, NeedTree)]
    assert [one.counted for one in trees] == [True, True, False, False]
    assert [sorted(name for name, _ in one.relations) for one in trees] == [["users"]] * 2 + [["public.users"]] * 2


class _Names:
    """One cursor, k."""

    def __init__(self, sent: str | None) -> None:
        self._sent = sent

    def meaning(self, kind: NameKind, name: str) -> Meaning | None:
        return Meaning(PHONES, (), self._sent) if (kind, name) == (NameKind.CURSOR, "k") else None


def test_what_a_name_is_given_to_is_narrowed_in_its_place(bench: Narrowing) -> None:
    alone = sent(bench.decide(bench.ask("sato", "tokyo-hq", PHONES)))
    text = sent(
        bench.decide(bench.ask("sato", "tokyo-hq", f"/* é */ DECLARE k CURSOR FOR {PHONES};", names=_Names(None)))
    )
    assert text == f"/* é */ DECLARE k CURSOR FOR {alone}"


def test_what_runs_a_name_runs_only_what_is_narrowed_just_so(bench: Narrowing) -> None:
    alone = sent(bench.decide(bench.ask("sato", "tokyo-hq", PHONES)))
    assert sent(bench.decide(bench.ask("sato", "tokyo-hq", "FETCH k", names=_Names(alone)))) == "FETCH k"
    for other in (None, f"{alone} "):
        outcome = bench.decide(bench.ask("sato", "tokyo-hq", "FETCH k", names=_Names(other)))
        assert outcome.reason is Reason.OBLIGATION_UNSUPPORTED
