"""What a strict session compares: the same tree elsewhere in a text, what is within what was judged, keys' checks."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest

from gateway.demo.characters import LI
from gateway.doors.pg_strict import OwnTrees, _digest
from gateway.doors.pg_ticket import Ticket
from gateway.errors import PolicyUnavailable, Reason
from gateway.model import Complaint, DatasourceId, PrincipalId
from gateway.needs import Analysis, NeedTree, Outcome
from gateway.pgwire.actions import Analysed
from gateway.reuse import Standing
from gateway.sql.catalog import Catalog
from tests.houses import Analyses, House
from tests.worlds import Bench

TREE_BYTES = 8 * 1024 * 1024


class Room:
    """An `OwnTrees` with real trees and real catalogs."""

    def __init__(self, analyses: Analyses) -> None:
        self.analyses = analyses
        self.catalog: Catalog | None = analyses("SELECT 1").catalog
        self.bench = Bench(analyses)
        self.own = OwnTrees(self.read, tree_bytes=TREE_BYTES)

    def read(self, trees: tuple[str, ...], complaint: Complaint | None, search_path: str | None = None) -> Analysis:
        if self.catalog is None:
            raise PolicyUnavailable(Reason.TWIN_UNAVAILABLE, "nobody knows")
        return Analysis(trees, complaint, self.catalog)

    def tree(self, text: str) -> str:
        (tree,) = self.analyses(text).trees
        return tree

    def judged(self, text: str, *asked: str, sent: str | None = None) -> Ticket:
        """A ticket of this text, as it was judged after asking about ``asked``."""
        outcome: Outcome = self.bench.decide(self.bench.ask("li", "shanghai-office", text))
        assert outcome.standing is not None
        self.own.begin(text)
        for one in asked or (text,):
            self.answer(one, self.analyses(one).trees)
        standing: Standing = replace(outcome.standing, text=sent)
        return Ticket(standing, "d-1", 0, self.own.judged(standing))

    def answer(self, text: str, trees: tuple[str, ...], *, too_large: bool = False, **fields: str) -> Analysis:
        async def ask() -> Analysis:
            promise = self.own.promise(need(text))
            self.own.analysed(Analysed(trees, fields or None, too_large))
            return await promise

        return asyncio.run(ask())


def need(text: str) -> NeedTree:
    return NeedTree(DatasourceId("messenger"), "engineer", text, (), PrincipalId("li"))


@pytest.fixture
def room(analyses: Analyses) -> Room:
    return Room(analyses)


def test_a_tree_is_the_same_wherever_it_stands_in_a_text(room: Room):
    one, other = room.tree("SELECT name FROM stickers"), room.tree(f"/* {'-' * 200} */ SELECT name FROM stickers")
    assert one != other
    assert _digest(one) == _digest(other)


@pytest.mark.parametrize(
    "other", ["SELECT id FROM stickers", "SELECT name FROM stickers LIMIT 1", "SELECT name FROM regions", "SELECT 1"]
)
def test_another_tree_is_another(room: Room, other: str):
    assert _digest(room.tree("SELECT name FROM stickers")) != _digest(room.tree(other))


def test_lines_are_broken_elsewhere_and_names_may_look_like_places():
    """print.c breaks lines at blanks, wherever they fall."""
    assert _digest("{VAR :varno 1 :location 7}") == _digest("{VAR :varno\n1 :location\n123}")
    assert _digest(":stmt_location 0 :stmt_len 0") == _digest(":stmt_location 12 :stmt_len 99")
    assert _digest(":name location\\ 7 :x") != _digest(":name location\\ 8 :x")
    assert _digest(":name location7 :x") != _digest(":name location8 :x")


def test_what_was_judged_is_approved(room: Room):
    ticket = room.judged("SELECT id, name FROM stickers")
    for text, same, covered in (
        ("SELECT id, name FROM stickers", True, True),
        ("SELECT name FROM stickers", False, True),
        ("SELECT id, name, price_yen FROM stickers", False, False),
        ("SELECT phone FROM users", False, False),
        ("DELETE FROM stickers", False, False),
        ("SELECT query_to_xml('SELECT 1', true, true, '')", False, False),
    ):
        assert room.own.same(ticket, room.tree(text)) is same, text
        assert room.own.covers(ticket, room.tree(text)) is covered, text


def _unjudged(ticket: Ticket) -> Ticket:
    return Ticket(ticket.standing, ticket.decision_id, ticket.began_ns)


def test_nothing_is_approved_without_a_ticket_or_without_catalogs(room: Room):
    ticket = room.judged("SELECT id, name FROM stickers")
    for nothing in (None, object(), _unjudged(ticket)):
        assert not room.own.same(nothing, room.tree("SELECT 1"))
        assert not room.own.covers(nothing, room.tree("SELECT name FROM stickers"))
    room.catalog = None
    assert not room.own.covers(ticket, room.tree("SELECT name FROM stickers"))
    assert room.own.covers(ticket, room.tree("SELECT id, name FROM stickers")), "the very tree needs none"


def test_a_narrowed_text_is_what_went_up_and_nothing_less(room: Room):
    text, narrowed = "SELECT id, name FROM stickers", "SELECT id, 'x' AS name FROM stickers"
    ticket = room.judged(text, text, narrowed, sent=narrowed)
    assert ticket.judged is not None
    assert ticket.judged.narrowed
    assert room.own.covers(ticket, room.tree(narrowed))
    assert not room.own.covers(ticket, room.tree(text)), "the raw one"
    assert not room.own.covers(ticket, room.tree("SELECT name FROM stickers")), "touching less is not enough"


def test_a_foreign_keys_check_only_beside_what_is_written(room: Room):
    read = room.judged("SELECT code FROM regions")
    assert not room.own.covers(read, room.tree("SELECT 1 FROM payments WHERE user_id = 1")), "no key to it"
    check = room.tree("SELECT 1 FROM ONLY public.users x WHERE country OPERATOR(pg_catalog.=) 'JP' FOR KEY SHARE OF x")
    assert not room.own.covers(None, check), "nothing was written yet"
    written = room.judged("DELETE FROM regions WHERE code = 'ZZ'")
    assert room.own.covers(written, check)
    assert room.own.covers(None, check), "at Sync, of what was written before"
    assert not room.own.covers(written, room.tree("SELECT phone FROM users WHERE country = 'JP'")), "it shows something"
    assert not room.own.covers(written, room.tree("SELECT 1 FROM payments WHERE user_id = 1")), "no key to it"


def test_a_utility_prints_itself_but_none_runs_inside_of_a_query(room: Room):
    utility = "({QUERY :commandType 6 :querySource 0 :canSetTag true :utilityStmt ?\n:resultRelation 0})"
    assert not room.own.covers(room.judged("SELECT id FROM stickers"), utility)
    assert not room.own.covers(None, utility)
    explained = room.judged("EXPLAIN SELECT id FROM stickers", " SELECT id FROM stickers")
    assert room.own.covers(explained, utility)
    assert not room.own.covers(explained, room.tree("SELECT phone FROM users"))


@pytest.mark.parametrize(
    ("text", "asked", "usable"),
    [
        ("SELECT id FROM stickers", "SELECT id FROM stickers", True),
        ("SELECT id FROM stickers ; ", "SELECT id FROM stickers ", True),
        ("EXPLAIN SELECT id FROM stickers", "SELECT id FROM stickers", False),
        ("COPY stickers TO STDOUT", 'SELECT * FROM ONLY "stickers"', False),
        ("BEGIN", "SELECT 1", True),
    ],
)
def test_a_decision_stands_where_the_server_says_when_the_meaning_changes(
    room: Room, text: str, asked: str, usable: bool
):
    assert room.judged(text, asked).usable is usable
    assert _unjudged(room.judged(text, asked)).usable, "of a session that is not strict"


def test_answers_of_the_server(room: Room):
    assert room.answer("SELECT 1", ("tree",)).trees == ("tree",)
    complaint = room.answer("x", (), S="ERROR", V="ERROR", C="57014", M="canceled", F="postgres.c", L="1").complaint
    assert complaint is not None
    assert (complaint.sqlstate, dict(complaint.fields)) == (
        "57014",
        {"S": "ERROR", "V": "ERROR", "C": "57014", "M": "canceled"},
    )
    with pytest.raises(PolicyUnavailable, match="longer than 8388608 bytes"):
        room.answer("x", (), too_large=True)
    room.catalog = None
    with pytest.raises(PolicyUnavailable, match="nobody knows"):
        room.answer("x", ("tree",))
    with pytest.raises(RuntimeError):
        room.own.analysed(Analysed((), None, False))


def test_whoever_waits_is_told_that_the_session_has_ended(room: Room):
    async def ask() -> None:
        promise = room.own.promise(need("SELECT 1"))
        room.own.over()
        room.own.over()
        room.own.analysed(Analysed(("late",), None, False))
        with pytest.raises(PolicyUnavailable, match="ended before"):
            await promise

    room.own.over()
    asyncio.run(ask())


def test_a_strict_session_is_asked_each_time(strict_house: House):
    """Nothing known stands for what its server says, but the record refers to the entry of the same text."""
    with strict_house.connect(LI) as connection:
        connection.execute("SELECT count(*) FROM stickers", prepare=False)
        before = len(strict_house.entries())
        for _ in range(3):
            psycopg.ClientCursor(connection).execute("SELECT name FROM stickers WHERE id = 1")
    kinds = [entry["kind"] for entry in strict_house.entries()[before:]]
    assert kinds.count("decision") + kinds.count("repeat") == 3
    assert kinds.count("repeat") >= 1
