"""A reused answer is the answer a fresh question would get: over random clocks, revisions, registries and volumes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway.facts.registry import Registry, load_registry
from gateway.model import Verdict
from gateway.needs import Analysis, NeedDecision, NeedTree, Outcome
from tests.houses import Analyses
from tests.worlds import NOW, REGISTRY, Bench

STATEMENTS = (
    "SELECT phone FROM users WHERE id = 3",
    "SELECT amount, currency FROM payments LIMIT 3",
    "SELECT count(*) FROM stickers",
    "SELECT caption FROM timeline_images",
    "DROP TABLE users",
    "BEGIN",
)
# What a text means after a relation that it names was changed, as a view is that is replaced; both rest on it.
CHANGED = {
    "payments": (STATEMENTS[1], "SELECT p.amount, u.phone FROM payments p, users u LIMIT 3"),
    "timeline_images": (STATEMENTS[3], "SELECT u.phone FROM timeline_images, users u"),
    "stickers": (STATEMENTS[2], "SELECT max(s.name) FROM stickers s, users u WHERE u.phone <> ''"),
}
PLACES = ("tokyo-hq", "shanghai-office", "seoul-office", "tokyo-vpn", "fukuoka-center")
PEOPLE = ("sato", "li", "kim", "tanaka", "wang", "stranger")
DAY = 86_400

asked = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PLACES), st.sampled_from(STATEMENTS))
steps = st.one_of(
    st.tuples(st.just("ask"), asked),
    st.tuples(st.just("clock"), st.integers(min_value=-2 * DAY, max_value=900 * DAY)),
    st.tuples(st.just("clock"), st.integers(min_value=-30, max_value=400)),
    st.tuples(st.just("registry"), st.integers(min_value=0, max_value=2)),
    st.tuples(st.just("policy"), st.integers(min_value=0, max_value=1)),
    st.tuples(st.just("epoch"), st.integers(min_value=0, max_value=1)),
    st.tuples(st.just("rows"), st.integers(min_value=0, max_value=600_000)),
)


def _registries(folder: Path) -> list[Registry]:
    """The demo's registry, one where people of Korea live in Japan, one where the Korean entity is blocked one day."""
    found = [load_registry(REGISTRY)]
    ending = folder / "ending"
    shutil.copytree(REGISTRY, ending)
    file = ending / "people.yaml"
    text = file.read_text()
    assert "residence: KR" in text
    file.write_text(text.replace("residence: KR", "residence: JP"))
    found.append(load_registry(ending))
    blocked = folder / "blocked"
    shutil.copytree(REGISTRY, blocked)
    entities = blocked / "entities.yaml"
    entities.write_text(
        entities.read_text().split("\nblocks:")[0]
        + "\nblocks:\n  - {id: block-kr, entity: line-plus, from: 2026-12-24}\n"
    )
    found.append(load_registry(blocked))
    return found


@pytest.fixture(scope="module")
def registries() -> Iterator[list[Registry]]:
    with tempfile.TemporaryDirectory() as folder:
        yield _registries(Path(folder))


def _said(outcome: Outcome) -> object:
    """All of an answer but its identity and how long it may stand."""
    if outcome.decision is None:
        return outcome.complaint
    verdict: Verdict = outcome.decision.verdict
    return (
        verdict.effect,
        verdict.reason,
        verdict.obligations,
        verdict.findings,
        verdict.cross_border,
        verdict.revision,
    )


@settings(max_examples=settings().max_examples * 6 // 10)  # each asks real rules many times; make fuzz looks longer
@given(script=st.lists(steps, min_size=4, max_size=30))
def test_reused_equals_fresh(analyses: Analyses, registries: list[Registry], script: list[tuple[str, object]]) -> None:
    bench = Bench(analyses)
    engine = bench.engine.revision
    now, last = NOW, None
    for step, value in script:
        match step, value:
            case "clock", int():
                now = max(NOW - 30 * DAY, now + value)
            case "registry", int():
                bench.world.registry = registries[value]
            case "policy", int():
                bench.world.policy_revision = f"{engine}-{value}"
            case "epoch", int():
                bench.world.current_epoch = f"epoch-{value}"
            case "rows", int() if last is not None and last.standing is not None and last.allowed:
                bench.authority.completed(last.standing, value, now)
            case "ask", (str() as who, str() as site, str() as sql):
                ask = bench.ask(who, site, sql, expires_at=NOW + 40 * DAY)
                last = bench.decide(ask, at=now)
                event("reused" if NeedDecision not in bench.kinds else "fresh")
                fresh = bench.decide(ask, at=now, authority=bench.new_authority())
                assert _said(last) == _said(fresh), f"{who} at {site}: {sql}"


@settings(max_examples=settings().max_examples // 3)
@given(
    script=st.lists(
        st.one_of(
            st.tuples(st.just("ask"), st.sampled_from([text for text, _ in CHANGED.values()])),
            st.tuples(st.just("change"), st.sampled_from([*CHANGED, "elsewhere", "everything"])),
        ),
        min_size=6,
        max_size=24,
    )
)
def test_what_is_known_is_what_it_means_now(analyses: Analyses, script: list[tuple[str, str]]) -> None:
    """Changes of single relations: what rests on one is asked again, what does not is not."""
    changed: set[str] = set()
    relations = {one.full_name: oid for oid, one in analyses("SELECT 1").catalog.relations.items()}

    def meaning(text: str) -> Analysis:
        return analyses(next((new for name, (old, new) in CHANGED.items() if name in changed and old == text), text))

    bench = Bench(meaning)
    asked: set[str] = set()  # since the last change that concerned them
    for number, (step, value) in enumerate(script):
        if step == "change":
            changed ^= {value}
            gone = [relations.get(f"public.{value}", "99999")] if value != "everything" else []
            bench.world.moved(f"moved-{number}", *gone)
            asked -= {CHANGED[value][0]} if value in CHANGED else set(asked) if value == "everything" else set()
            continue
        ask = bench.ask("sato", "tokyo-hq", value)
        said = bench.decide(ask)
        assert (NeedTree in bench.kinds) == (value not in asked)
        event("known" if value in asked else "asked")
        asked.add(value)
        assert _said(said) == _said(bench.decide(ask, authority=bench.new_authority()))
        assert said.standing is not None
        fresh = bench.decide(ask, authority=bench.new_authority()).standing
        assert fresh is not None
        assert said.standing.understanding.statement == fresh.understanding.statement
