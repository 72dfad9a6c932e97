"""What a text touches is asked once, then known by text or shape; the server's complaint has its place in the text."""

from __future__ import annotations

import pytest

from gateway.errors import PolicyUnavailable, Reason
from gateway.model import Door
from gateway.naming import Meaning, NameKind
from gateway.needs import NeedDecision, NeedDurable, NeedReading, NeedTree, Outcome
from gateway.reading import LARGE_TREE, LONG_TEXT, InspectText, NormaliseText, ReadTrees
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
    # PostgreSQL 18's grammar, where it is not read past.
    text = "EXPLAIN UPDATE stickers SET name = 'x' RETURNING WITH (OLD AS before) before.name"
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


@pytest.mark.parametrize("text", ["SELECT name FROM stickers", "SELECT phone FROM users WHERE id = 11"])
def test_another_trace_in_its_last_comment_is_neither_another_tree_nor_another_question(
    bench: Bench, text: str
) -> None:
    hashes = set()
    for number in (1, 2, 3):
        outcome = bench.decide(bench.ask("sato", "tokyo-hq", f"{text} /*traceparent='00-{number:032x}-aa-01'*/"))
        assert outcome.allowed
        assert bench.entry["kind"] == "decision"
        hashes.add(bench.entry["statement"]["hash"])
    assert bench.kinds == [NeedDurable]
    assert len(hashes) == 3  # the record knows each by its own


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


def test_a_tree_is_asked_for_with_the_names_it_may_be_held_up_by(bench: Bench) -> None:
    bench.decide(bench.ask("sato", "tokyo-hq", "UPDATE stickers SET name = 'x' FROM public.users WHERE false"))
    (need,) = [one for one in bench.needs if isinstance(one, NeedTree)]
    assert need.relations == {("stickers", False), ("stickers", True), ("public.users", False)}


@pytest.mark.parametrize(("door", "patient"), [(Door.POSTGRES, True), (Door.GRPC, False), (Door.HTTP, False)])
def test_a_door_that_is_shared_cannot_be_kept_waiting(bench: Bench, door: Door, patient: bool) -> None:
    bench.decide(bench.ask("sato", "tokyo-hq", STICKERS, door=door))
    (need,) = [one for one in bench.needs if isinstance(one, NeedTree)]
    assert need.patient is patient


LONG = f"SELECT count(*) FROM stickers WHERE id IN ({', '.join(map(str, range(LONG_TEXT // 4)))})"
SHORT_WITH_A_LARGE_TREE = "SELECT " + ", ".join(["*"] * 150) + " FROM stickers"


def test_a_long_text_is_read_elsewhere_and_once(bench: Bench) -> None:
    ask = bench.ask("sato", "tokyo-hq", LONG)
    assert bench.decide(ask).allowed
    tasks = [type(one.task) for one in bench.needs if isinstance(one, NeedReading)]
    assert tasks == [InspectText, ReadTrees, NormaliseText]
    assert bench.entry["statement"]["text"].startswith("SELECT count(*) FROM stickers WHERE id IN ($1")
    assert bench.decide(ask).allowed
    assert bench.kinds == [NeedDurable]


def test_a_large_tree_of_a_short_text_is_read_elsewhere(bench: Bench, analyses: Analyses) -> None:
    assert len(SHORT_WITH_A_LARGE_TREE) < LONG_TEXT
    assert sum(map(len, analyses(SHORT_WITH_A_LARGE_TREE).trees)) > LARGE_TREE
    assert bench.decide(bench.ask("sato", "tokyo-hq", SHORT_WITH_A_LARGE_TREE)).allowed
    (need,) = [one for one in bench.needs if isinstance(one, NeedReading)]
    assert isinstance(need.task, ReadTrees)


def test_a_long_text_that_is_refused_says_why(bench: Bench) -> None:
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", f"DROP TABLE {'x' * LONG_TEXT}"))
    assert outcome.reason is Reason.STATEMENT_INCOMPLETE
    assert bench.entry["statement"]["incomplete"] == "kind_refused"


def test_a_text_over_the_limit_goes_nowhere(bench: Bench) -> None:
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", f"SELECT '{'x' * 131_072}'"))
    assert outcome.reason is Reason.STATEMENT_INCOMPLETE
    assert bench.entry["statement"]["incomplete"] == "text_too_long"
    assert [type(one.task) for one in bench.needs if isinstance(one, NeedReading)] == []


def test_a_long_text_that_nobody_has_time_to_read_is_denied_and_recorded_by_its_hash(bench: Bench) -> None:
    bench.raises[NeedReading] = PolicyUnavailable(Reason.LIMIT_EXCEEDED, "busy")
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", LONG))
    assert (outcome.reason, outcome.sqlstate) == (Reason.LIMIT_EXCEEDED, "54000")
    assert "busy" in outcome.detail
    assert bench.entry["kind"] == "refusal"
    assert bench.entry["statement"]["text"] == ""
    assert bench.entry["statement"]["hash"]


# ----------------------------------------------------------------------------------------------------- session's names


class Session:
    """Names as a door knows them."""

    def __init__(self, **given: Meaning) -> None:
        self.given = given
        self.asked: list[tuple[NameKind, str]] = []

    def meaning(self, kind: NameKind, name: str) -> Meaning | None:
        self.asked.append((kind, name))
        return self.given.get(f"{kind}_{name}")


PHONES = "SELECT phone FROM users WHERE id = 11"


def decided(bench: Bench, text: str, names: Session | None, who: str = "li", site: str = "shanghai-office") -> Outcome:
    return bench.decide(bench.ask(who, site, text, names=names))


@pytest.mark.parametrize(
    "text", [f"PREPARE p AS {PHONES}", f"DECLARE k CURSOR FOR {PHONES}", f"PREPARE p(int) AS {PHONES}"]
)
def test_what_a_name_is_given_to_is_judged_as_itself(bench: Bench, text: str) -> None:
    plain = bench.decide(bench.ask("li", "shanghai-office", PHONES))
    columns = bench.entry["statement"]["columns"]
    outcome = decided(bench, text, Session())
    assert (outcome.allowed, outcome.reason) == (plain.allowed, plain.reason)
    assert bench.entry["statement"]["columns"] == columns
    assert bench.entry["statement"]["kind"] == text.split()[0].lower()
    assert decided(bench, text, Session(), "sato", "tokyo-hq").allowed


def test_what_runs_a_name_is_judged_as_what_it_stands_for(bench: Bench) -> None:
    for names, allowed in (
        (Session(statement_p=Meaning(PHONES, ())), False),
        (Session(statement_p=Meaning(STICKERS, ())), True),  # of another session: no answer is shared
        (Session(), True),  # the server says that there is none
        (Session(statement_p=Meaning("SELECT name FROM users WHERE id = $1", (23,))), False),
    ):
        assert decided(bench, "EXECUTE p", names).allowed is allowed
        assert decided(bench, "EXPLAIN EXECUTE p", names).allowed is allowed
    for text in ("FETCH k", "MOVE ALL IN k"):
        assert not decided(bench, text, Session(cursor_k=Meaning(PHONES, ()))).allowed
        assert bench.entry["statement"]["kind"] == text.split()[0].lower()
        assert decided(bench, text, Session(cursor_k=Meaning(STICKERS, ()))).allowed


def test_an_open_cursor_is_judged_by_what_was_seen_of_it_as_well(bench: Bench) -> None:
    bench.decide(bench.ask("sato", "tokyo-hq", PHONES))
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", PHONES))
    assert outcome.standing is not None
    seen = (outcome.standing.understanding.statement,)
    assert not decided(bench, "FETCH k", Session(cursor_k=Meaning(STICKERS, (), None, seen))).allowed
    assert "public.users.phone" in bench.entry["statement"]["columns"]["output"]


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        (f"PREPARE p AS {PHONES}; EXECUTE p", False),
        (f"PREPARE p AS {STICKERS}; EXECUTE p", True),
        ("DEALLOCATE p; EXECUTE p", True),
        ("DEALLOCATE ALL; EXECUTE p", True),
        ("DEALLOCATE q; EXECUTE p", False),
        ("CLOSE ALL; EXECUTE p", False),
        (f"DEALLOCATE p; PREPARE p AS {STICKERS}; EXECUTE p", True),
        ("SELECT 1; EXECUTE p", False),
    ],
)
def test_names_within_a_text(bench: Bench, text: str, allowed: bool) -> None:
    assert decided(bench, text, Session(statement_p=Meaning(PHONES, ()))).allowed is allowed


@pytest.mark.parametrize(
    "inner", ["EXECUTE q", "FETCH k", "DEALLOCATE ALL", "ROLLBACK", "COPY stickers TO STDOUT", "EXPLAIN SELECT 1", ""]
)
def test_what_is_no_query_is_not_run_by_name(bench: Bench, inner: str) -> None:
    outcome = decided(bench, "EXECUTE p", Session(statement_p=Meaning(inner, ())))
    assert outcome.reason is Reason.STATEMENT_INCOMPLETE
    assert bench.entry["statement"]["kind"] == "execute"


@pytest.mark.parametrize(
    "text", [f"PREPARE p AS {STICKERS}", "EXECUTE p", f"DECLARE k CURSOR FOR {STICKERS}", "FETCH k"]
)
def test_where_no_session_is_known_no_name_is_used(bench: Bench, text: str) -> None:
    outcome = decided(bench, text, None)
    assert outcome.reason is Reason.STATEMENT_INCOMPLETE
    assert decided(bench, "DEALLOCATE p", None).allowed
    assert decided(bench, "CLOSE ALL", None).allowed


def test_a_complaint_about_what_is_inside_has_its_place_in_the_whole(bench: Bench) -> None:
    text = "SELECT 1; PREPARE p(text) AS SELECT nmae FROM users"
    outcome = decided(bench, text, Session())
    assert outcome.complaint is not None
    assert text[int(dict(outcome.complaint.fields)["P"]) - 1 :].startswith("nmae")
    outcome = decided(bench, "FETCH k", Session(cursor_k=Meaning("SELECT nmae FROM users", ())))
    assert outcome.complaint is not None
    assert "P" not in dict(outcome.complaint.fields)  # a place in a text that was not sent now


def test_the_door_is_told_where_the_names_stand(bench: Bench) -> None:
    text = f"SELECT 1; PREPARE p AS {STICKERS}; EXECUTE p"
    names = Session()
    outcome = decided(bench, text, names)
    assert outcome.standing is not None
    assert outcome.standing.naming is not None
    first, second, third = outcome.standing.naming.steps
    assert first is None
    assert second is not None
    assert third is not None
    assert [text[use.start : use.end] for use in (second, third)] == ["p", "p"]
    assert names.asked[0] == (NameKind.STATEMENT, "p")
    assert decided(bench, STICKERS + " FETCH FIRST ROW ONLY", names).standing.naming is None  # type: ignore[union-attr]
