"""Several statements in one text are judged by the strongest of them."""

from __future__ import annotations

from gateway.model import ColumnUse, ColumnUseKind, StatementEffect, StatementFacts
from gateway.sql.together import together, together_with


def facts(effect: StatementEffect, relation: str = "", **changes: object) -> StatementFacts:
    columns = (ColumnUse(relation=relation, column="a", use=ColumnUseKind.OUTPUT),) if relation else ()
    document = {"kind": "select", "effect": effect, "complete": True, "columns": columns}
    return StatementFacts(**{**document, "relations": (relation,) if relation else (), **changes})  # type: ignore[arg-type]


def test_one_is_itself_and_none_is_empty() -> None:
    one = facts(StatementEffect.READ, "public.a")
    assert together([one]) is one
    nothing = together([])
    assert (nothing.kind, nothing.effect, nothing.complete) == ("empty", StatementEffect.NONE, True)


def test_relations_and_columns_of_all_count_and_the_strongest_effect() -> None:
    parts = [
        facts(StatementEffect.READ, "public.b"),
        facts(StatementEffect.WRITE, "public.a"),
        facts(StatementEffect.SESSION),
        facts(StatementEffect.READ, "public.b"),
    ]
    whole = together(parts)
    assert whole.effect is StatementEffect.WRITE
    assert whole.relations == ("public.a", "public.b")
    assert [use.relation for use in whole.columns] == ["public.a", "public.b"]
    assert whole.complete


def test_one_that_is_not_understood_makes_the_whole_not_understood() -> None:
    unknown = facts(StatementEffect.NONE, complete=False, incomplete="kind_refused", detail="DROP")
    whole = together([facts(StatementEffect.READ, "public.a"), unknown])
    assert (whole.complete, whole.incomplete, whole.detail) == (False, "kind_refused", "DROP")
    assert (whole.kind, whole.depends) == ("several", None)
    assert whole.relations == ("public.a",), "what is known of it is told all the same"


def test_a_relation_that_is_made_is_not_hidden_by_what_stands_beside() -> None:
    made = facts(StatementEffect.WRITE, "public.a", kind="create_table_as")
    for parts in ([facts(StatementEffect.READ, "public.b"), made], [made, facts(StatementEffect.SESSION)]):
        assert together(parts).kind == "create_table_as"
    assert together([facts(StatementEffect.READ), facts(StatementEffect.READ)]).kind == "several"


def test_what_else_was_seen_counts_only_where_it_is_more() -> None:
    one = facts(StatementEffect.READ, "public.a")
    assert together_with(one, ()) is one
    assert together_with(one, [facts(StatementEffect.READ, "public.a", kind="declare")]) is one
    more = together_with(one, [facts(StatementEffect.READ, "public.b"), facts(StatementEffect.READ, "public.a")])
    assert more.relations == ("public.a", "public.b")
    assert {use.relation for use in more.columns} == {"public.a", "public.b"}
    assert together_with(one, [facts(StatementEffect.WRITE, "public.a")]).effect is StatementEffect.WRITE
    assert not together_with(one, [facts(StatementEffect.READ, "public.a", complete=False)]).complete
