"""Broken and crossed statements and trees: the gate refuses or tells, the reader refuses or reads, and nothing else.

``tests/property/test_sql_gate.py`` and ``test_sql_tree.py`` change single tokens of known texts. Here are strings of
the lexer's own pieces, statements of the whole grammar cut and spliced, and trees whose nodes have changed places.
"""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import StatementFacts
from gateway.sql.codes import IncompleteCode
from gateway.sql.facts import read_facts
from gateway.sql.gate import GateStatement, Refused, inspect, normalise
from gateway.sql.tree.tokens import tokenize
from tests.property.oracle.writes import Statements
from tests.unit.sql import golden

_LIMIT = 100_000
# What the lexer has rules of its own for.
_PIECES = (
    "' '' \\ \" \"\" $$ $a$ $1 $1a $ E' e' N' B' X' U&' U&\" UESCAPE'!' -- /* */ /**/ --\n \n \r \v \f \t ; : :: := "
    "=> . .. "
    "1 1. .1 1e 1e5 1_0 0x1F 0b1 0o7 1a a é 漢 \u00a0 \ufeff \u202e \U0001f512 "
    "( ) [ ] { } , * + - / <= <> != @- ~ ? ?| | ! # & % ^ ` = SELECT FROM "
    "WITH AS INTO EXPLAIN (ANALYZE) VALUES COPY TO STDOUT "
    "PREPARE EXECUTE SET LOCAL BEGIN END ATOMIC RETURN CREATE FUNCTION DO \x01 \x7f"
).split(" ")
_STRINGS = st.lists(st.sampled_from(_PIECES), max_size=40).flatmap(
    lambda pieces: st.sampled_from(["", " "]).map(lambda between: between.join(pieces))
)
_SEEDS = st.integers(0, 2**64 - 1)
_ALL = golden.every()


def look(text: str) -> tuple[GateStatement, ...] | None:
    """What the gate says; None where it refuses."""
    assert isinstance(normalise(text), str)
    try:
        statements = inspect(text, max_bytes=_LIMIT)
    except Refused as error:
        refused = error
    else:
        for statement in statements:
            assert text[statement.offset :].startswith(statement.text)
            assert statement.facts is None or statement.facts.complete
        return statements
    assert IncompleteCode(refused.code)
    assert refused.detail
    assert "\n" not in refused.detail
    return None


@given(_STRINGS)
def test_strings_of_the_lexer(text: str) -> None:
    look(text)


@given(_SEEDS, st.integers(0, 5))
def test_statements_cut_and_spliced(seed: int, changes: int) -> None:
    chance = random.Random(seed)
    text = Statements(chance, chance.choice((15, 18)), size=25).statement()
    other = Statements(chance, 18, size=10).statement()
    for _ in range(changes):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.randrange(30))
        match chance.randrange(5):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:start] + chance.choice(_PIECES) + text[start:]
            case 2:
                text = text[:start] + other[chance.randrange(len(other)) :]
            case 3:
                text = text[:start] + text[start:end] * 2 + text[end:]
            case _:
                text = text + ";" + other
    look(text)


@given(_SEEDS)
def test_whole_statements_are_never_refused_for_their_text(seed: int) -> None:
    """The gate's grammar is 17's: what 15 takes, it takes."""
    chance = random.Random(seed)
    text = Statements(chance, 15, size=30).statement()
    statements = look(text)
    assert statements is not None
    assert len(statements) == 1
    assert statements[0].kind in {"select", "insert", "update", "delete", "merge"}


def facts_of(major: int, text: str) -> StatementFacts:
    facts = read_facts("select", [text], golden.catalog(major), max_tree_bytes=golden.MAX_BYTES)
    assert facts.complete is (facts.incomplete is None)
    if facts.incomplete is not None:
        assert IncompleteCode(facts.incomplete)
    return facts


def nodes(tokens: list[str]) -> list[tuple[int, int]]:
    """Where each ``{…}`` begins and ends."""
    found, opened = [], []
    for i, token in enumerate(tokens):
        if token == "{":
            opened.append(i)
        elif token == "}" and opened:
            found.append((opened.pop(), i + 1))
    return found


@settings(max_examples=max(60, (settings.default.max_examples if settings.default else 0) // 4))
@given(st.sampled_from(_ALL), st.sampled_from(_ALL), _SEEDS, st.integers(1, 3))
def test_nodes_that_change_places(case: tuple[int, str], donor: tuple[int, str], seed: int, changes: int) -> None:
    """A node in the place of another, of the same tree or of another statement's and another major's."""
    chance = random.Random(seed)
    tokens = tokenize(golden.trees(*case)[0])
    others = tokenize(golden.trees(*donor)[0])
    for _ in range(changes):
        source = others if chance.randrange(2) else tokens
        start, end = chance.choice(nodes(tokens))
        first, last = chance.choice(nodes(source))
        tokens = tokens[:start] + source[first:last] + tokens[end:]
    facts_of(case[0], " ".join(tokens))


@given(st.sampled_from(_ALL), _SEEDS)
def test_numbers_that_lead_elsewhere(case: tuple[int, str], seed: int) -> None:
    """References into range tables, levels and catalogs that do not exist, or lead in a circle."""
    chance = random.Random(seed)
    tokens = tokenize(golden.trees(*case)[0])
    for i in range(1, len(tokens)):
        if tokens[i].lstrip("-").isdecimal() and tokens[i - 1].startswith(":") and chance.randrange(30) == 0:
            tokens[i] = chance.choice(("0", "1", "2", "-1", "-7", "65535", "999999999999999999999", "16384", "1259"))
    facts_of(case[0], " ".join(tokens))
