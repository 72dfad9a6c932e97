"""Names, constants and types as text."""

from __future__ import annotations

import pytest

from gateway.sql.catalog import Column
from gateway.sql.rewrite.quoting import declared_type, identifier, literal, typed
from tests.unit.sql.golden import catalog

TEXT = Column("t", "25", False, "text")


@pytest.mark.parametrize(("name", "quoted"), [("users", '"users"'), ('a"b', '"a""b"'), ("関所", '"関所"'), ("", '""')])
def test_identifier(name, quoted):
    assert identifier(name) == quoted


def test_literal():
    assert literal("it's", "text") == "'it''s'::pg_catalog.text"
    for text in ("back\\slash", "nul\0"):
        with pytest.raises(ValueError, match="constant"):
            literal(text, "text")


@pytest.mark.parametrize(
    ("kind", "declared", "expected"),
    [
        ("25", "text", '"pg_catalog"."text"'),
        ("1043", "character varying(20)", "character varying(20)"),
        ("1042", "character(2)", "character(2)"),
        ("1184", "timestamp(3) with time zone", "timestamp(3) with time zone"),
        ("1700", "numeric(12,2)", "numeric(12,2)"),
        ("23", "integer", "integer"),
        ("25", "text(7)", None),
        ("25", "", None),
        ("999999", "whatever", None),
    ],
)
def test_declared_type(kind, declared, expected):
    assert declared_type(catalog(18), Column("c", kind, False, declared)) == expected


def test_what_format_type_prints_for_character_without_a_length_is_not_a_keyword():
    assert declared_type(catalog(18), Column("c", "1042", False, "character")) == '"pg_catalog"."bpchar"'


def test_typed_keeps_the_collation_of_the_column():
    assert typed("NULL", "text", TEXT) == "CAST(NULL AS text)"
    own = Column("t", "25", False, "text", 'pg_catalog."C"')
    assert typed("NULL", "text", own) == '(CAST(NULL AS text) COLLATE pg_catalog."C")'
