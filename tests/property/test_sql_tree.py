"""Mutated trees and random text: a refusal at most, never an exception, and never a relation less than there is."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from gateway.model import StatementFacts
from gateway.sql.codes import IncompleteCode
from gateway.sql.facts import read_facts
from gateway.sql.tree.fields import GRAMMARS
from gateway.sql.tree.reader import TreeRefused, read_tree
from gateway.sql.tree.tokens import tokenize
from tests.unit.sql import golden

ALL = golden.every()
PIECES = [
    "(",
    ")",
    "{",
    "}",
    "<>",
    "\\",
    "\n",
    " ",
    ":",
    '"',
    "[",
    "]",
    "-1",
    "0",
    "99",
    "true",
    "{VAR",
    ":relid",
    "(b)",
]


def facts_of(major: int, text: str) -> StatementFacts:
    facts = read_facts("select", [text], golden.catalog(major), max_tree_bytes=golden.MAX_BYTES)
    assert facts.complete is (facts.incomplete is None)
    if facts.incomplete is not None:
        assert IncompleteCode(facts.incomplete)
        assert facts.detail
    return facts


@given(st.sampled_from(ALL), st.randoms(use_true_random=False), st.integers(1, 4))
def test_a_tree_with_tokens_changed_is_read_or_refused(case, chance: random.Random, changes):
    major, name = case
    tokens = tokenize(golden.trees(major, name)[0])
    for _ in range(changes):
        place = chance.randrange(len(tokens))
        what = chance.randrange(4)
        if what == 0:
            del tokens[place]
        elif what == 1:
            tokens.insert(place, chance.choice(PIECES))
        elif what == 2:
            tokens[place] = chance.choice(tokens)
        else:
            tokens[place] = chance.choice(PIECES)
    facts_of(major, " ".join(tokens))


@given(st.sampled_from(ALL), st.data())
def test_a_tree_with_characters_changed_is_read_or_refused(case, data):
    major, name = case
    text = golden.trees(major, name)[0]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    facts_of(major, text[:start] + data.draw(st.text(max_size=8)) + text[end:])


@given(st.sampled_from(sorted(GRAMMARS)), st.text(max_size=200) | st.lists(st.sampled_from(PIECES)).map(" ".join))
def test_random_text_is_refused_or_empty(major, text):
    try:
        nodes = read_tree(text, GRAMMARS[major])
    except TreeRefused as error:
        refused = error
    else:
        assert all(node.name in GRAMMARS[major].shapes for node in nodes)
        return
    assert IncompleteCode(refused.code)


@given(st.sampled_from(ALL), st.data())
def test_a_cut_tree_is_never_complete(case, data):
    major, name = case
    text = golden.trees(major, name)[0].rstrip()
    cut = data.draw(st.integers(0, len(text) - 1))
    assert not facts_of(major, text[:cut]).complete


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)))
def test_any_name_the_server_escapes_is_one_token(names):
    printed = " ".join(_escaped(name) for name in names)
    assert len(tokenize(printed)) == len(names)


def _escaped(name: str) -> str:
    """A name as PostgreSQL's ``outToken`` prints it."""
    first = "\\" if name[0] in '<"' or name[0] in "0123456789" or name[0] in "+-" else ""
    return first + "".join("\\" + c if c in " \n\t(){}\\" else c for c in name)


@given(st.sampled_from([case for case in ALL if case[1] == "plain columns"]), st.text(max_size=63), st.integers(40, 78))
def test_a_name_folded_by_the_server_hides_nothing(case, alias, width):
    """The server folds its text without regard for escapes; the relation must be reported, or the tree refused."""
    major, name = case
    escaped = _escaped(alias) if alias else "<>"
    text = golden.trees(major, name)[0].replace("\n", " ").replace(":aliasname users", f":aliasname {escaped}", 1)
    folded = "\n".join(text[i : i + width] for i in range(0, len(text), width))
    facts = facts_of(major, folded)
    assert not facts.complete or "app.users" in facts.relations
