"""What a caller declares is what they say, and nothing is taken for granted that they leave out."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.doors.resources import read_resource, words_of
from gateway.errors import Reason, SekishoError
from gateway.model import ColumnUse, ColumnUseKind, Confidence, StatementEffect

PHONE = {"relation": "public.users", "column": "phone", "use": "output"}


def declared(**changes: Any) -> dict[str, Any]:
    return {"effect": "read", "relations": ["public.users"], "columns": [PHONE], **changes}


def test_what_is_declared_is_declared() -> None:
    facts = read_resource(declared())
    assert (facts.confidence, facts.effect, facts.complete) == (Confidence.DECLARED, StatementEffect.READ, True)
    assert facts.columns == (ColumnUse(relation="public.users", column="phone", use=ColumnUseKind.OUTPUT),)
    assert words_of(facts) == "declared read: public.users"


def test_a_relation_without_a_column_was_not_thought_about() -> None:
    facts = read_resource(declared(relations=["public.users", "public.orders"]))
    assert (facts.complete, facts.incomplete) == (False, "columns_not_given")
    assert "public.orders" in facts.detail
    assert not read_resource(declared(columns=[])).complete


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {key: value for key, value in declared().items() if key != "columns"},
        declared(effect="none"),
        declared(effect=None),
        declared(effect=["read"]),
        declared(relations=[]),
        declared(relations="public.users"),
        declared(relations=["a\nb"]),
        declared(relations=["s.t"] * 101),
        declared(columns=[{**PHONE, "relation": "public.orders"}]),
        declared(columns=[{**PHONE, "use": "peek"}]),
        declared(columns=[{**PHONE, "use": []}]),
        declared(columns=[{"relation": "public.users", "column": "phone"}]),
        declared(columns=[{**PHONE, "mask": "null"}]),
        declared(columns=[{**PHONE, "column": ""}]),
        declared(rows=3),
    ],
)
def test_what_is_no_resource_is_refused(document: Any) -> None:
    with pytest.raises(SekishoError) as refused:
        read_resource(document)
    assert refused.value.reason is Reason.REQUEST_INVALID
