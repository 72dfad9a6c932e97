from gateway.model import ColumnUse, ColumnUseKind, Confidence, StatementEffect
from gateway.routes.codes import RouteCode
from gateway.routes.found import Found, unread
from gateway.routes.request import Unread


def test_the_same_request_is_the_same_question() -> None:
    one, other = Found(), Found()
    for found, names in ((one, "ab"), (other, "ba")):
        for name in names:
            found.column("s.t", name, ColumnUseKind.OUTPUT)
    other.relation("s.t")
    assert one.facts("search") == other.facts("search")
    assert one.facts("search").confidence is Confidence.INFERRED
    assert hash(one.facts("search"))


def test_a_whole_row_is_a_column_of_its_own() -> None:
    found = Found()
    found.whole("s.t")
    facts = found.facts("rest", StatementEffect.READ)
    assert facts.columns == (ColumnUse(relation="s.t", column="*", use=ColumnUseKind.WHOLE_ROW),)
    assert (facts.relations, facts.complete) == (("s.t",), True)


def test_what_was_not_understood_is_incomplete() -> None:
    facts = unread("search", Unread(RouteCode.BODY_PARTIAL, "why"))
    assert (facts.complete, facts.incomplete, facts.detail, facts.effect) == (False, "body_partial", "why", "none")
