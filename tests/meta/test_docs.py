"""README says it all, once: settings, metrics, reason codes, commands and flags. `tables` makes what is missing."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from gateway.config_load import iter_settings, variable
from tests.meta import chart, tables

FIRST_CELL = re.compile(r"^\| (`[^`|]+`) \|", flags=re.M)


@pytest.fixture(scope="module")
def readme() -> str:
    assert tables.README.is_file(), "README.md is missing"
    return tables.README.read_text()


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_row_is_in_readme_exactly_once(readme, name):
    rows = list(tables.TABLES[name][1]())
    assert rows
    first = Counter(FIRST_CELL.findall(readme))
    lines = set(readme.splitlines())
    wrong = [
        f"{count} times: {cell}" for row in rows for cell in FIRST_CELL.findall(row) if (count := first[cell]) != 1
    ]
    wrong += [f"not as the code says: {row}" for row in rows if row not in lines]
    assert not wrong, "`python -m tests.meta.tables --write` mends these:\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", tables.TABLES)
def test_no_table_tells_of_what_is_gone(readme, name):
    assert tables.between(name, readme) == tables.table(name), "run `python -m tests.meta.tables --write`"


def test_the_rule_for_variables_is_told_by_an_example(readme):
    examples = set(re.findall(r"SEKISHO_[A-Z_]+", readme))
    known = {variable(setting.name) for setting in iter_settings() if "[]" not in setting.name}
    assert examples
    assert examples <= known, f"no such variable: {sorted(examples - known)}"


def test_readme_has_the_two_commands_and_what_they_print(readme):
    for command in ("make demo", "make test"):
        assert command in readme
    assert "What it does not protect against".lower() in readme.lower()
    assert readme.count("```") % 2 == 0


def test_the_chart_s_schema_and_readme_are_as_they_are_made():
    assert chart.stale() == [], "run `python -m tests.meta.tables --write`"
