"""What a text touches is asked once, then known by text or shape; the server's complaint has its place in the text."""

from __future__ import annotations

import pytest

from gateway.errors import Reason
from gateway.needs import NeedDecision, NeedDurable, NeedTree
from gateway.sql import gate
from tests.houses import Analyses
from tests.worlds import Bench

STICKERS = "SELECT count(*) FROM stickers"


@pytest.fixture
def bench(analyses: Analyses) -> Bench:
    return Bench(analyses)


def test_the_position_of_a_complaint_is_counted_in_the_whole_text(bench: Bench) -> None:
    text = f"{STICKERS}; SELECT nmae FROM users"
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", text))
    assert outcome.complaint is not None
    position = int(dict(outcome.complaint.fields)["P"])
    assert text[position - 1 :].startswith("nmae")


def test_a_syntax_error_is_the_servers_own_complaint(bench: Bench) -> None:
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", "SELEC 1"))
    assert outcome.complaint is not None
    assert outcome.complaint.sqlstate == "42601"


def test_what_only_the_gate_cannot_read_is_refused(bench: Bench) -> None:
    text = "UPDATE stickers SET name = 'x' RETURNING WITH (OLD AS before) before.name"  # PostgreSQL 18's grammar
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", text))
    assert outcome.reason is Reason.STATEMENT_INCOMPLETE
    assert bench.entry["statement"]["incomplete"] == "text_unparsable"


def test_another_number_in_the_where_is_neither_another_tree_nor_another_question(bench: Bench) -> None:
    first = bench.decide(bench.ask("sato", "tokyo-hq", "SELECT phone FROM users WHERE id = 11"))
    second = bench.decide(bench.ask("sato", "tokyo-hq", "SELECT phone FROM users WHERE id = 12"))
    assert second.allowed
    assert bench.kinds == [NeedDurable]
    assert bench.entry["kind"] == "decision"  # in full: the record knows this text by its own hash
    assert second.decision is not None
    assert second.decision.reused
    assert first.decision is not None
    assert second.decision.id != first.decision.id


def test_a_known_shape_is_told_by_its_words_without_a_parser(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "SELECT phone FROM users WHERE id = {} AND country = '{}' ORDER BY {};"
    bench.decide(bench.ask("sato", "tokyo-hq", text.format(11, "JP", 1)))
    parsed: list[str] = []
    real = gate.inspect

    def inspect(text: str, *, max_bytes: int) -> tuple[gate.GateStatement, ...]:
        parsed.append(text)
        return real(text, max_bytes=max_bytes)

    monkeypatch.setattr(gate, "inspect", inspect)
    assert bench.decide(bench.ask("sato", "tokyo-hq", text.format(7, "K'' R", 1))).allowed
    assert (bench.kinds, parsed) == ([NeedDurable], [])
    for changed in (text.format(11, "JP", "1 "), text.format(11.5, "JP", 1), text.format(11, "\ud800", 1)):
        bench.decide(bench.ask("sato", "tokyo-hq", changed))
    assert len(parsed) == 3
    profile = bench.ask("sato", "tokyo-hq", text.format(8, "JP", 1), profile="auditor")
    bench.decide(profile)
    assert NeedTree in bench.kinds


def test_another_class_of_number_is_another_tree(bench: Bench) -> None:
    bench.decide(bench.ask("sato", "tokyo-hq", "SELECT phone FROM users WHERE id = 11"))
    bench.decide(bench.ask("sato", "tokyo-hq", "SELECT phone FROM users WHERE id = 11.5"))
    assert bench.kinds == [NeedTree, NeedDurable]  # the facts turn out the same: no other question


def test_a_shape_of_an_older_epoch_is_asked_again(bench: Bench) -> None:
    bench.decide(bench.ask("sato", "tokyo-hq", "SELECT phone FROM users WHERE id = 11"))
    bench.world.current_epoch = "epoch-2"
    bench.decide(bench.ask("sato", "tokyo-hq", "SELECT phone FROM users WHERE id = 12"))
    assert bench.kinds == [NeedTree, NeedDecision, NeedDurable]
