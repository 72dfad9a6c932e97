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
from gateway.needs import NeedDecision, Outcome
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


@settings(max_examples=150)
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
