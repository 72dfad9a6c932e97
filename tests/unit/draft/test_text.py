"""The file: read as the registry reads it, whatever names a database has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.draft.guess import draft
from gateway.draft.make import check
from gateway.draft.seen import ColumnSeen, TableSeen
from gateway.draft.text import Owner, document, yaml_text
from gateway.facts.catalog import read_catalog
from gateway.facts.yaml_tree import MAX_BYTES
from gateway.model import DatasourceId
from tests.unit.facts.world import section

OWNER = Owner("shop", "shop-kk", ("JP", "DE"))
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


def test_the_file() -> None:
    columns = tuple(ColumnSeen(name=name, type="text") for name in ("id", "email", "no", "body", "country"))
    text = yaml_text(
        OWNER,
        draft(
            [
                TableSeen(name="public.customers", columns=columns, primary_key=("id",), unread="57014"),
                TableSeen(name="public.stickers", columns=columns[:1]),
            ]
        ),
    )
    assert (
        text.partition("datasources:\n")[2]
        == """\
  - id: shop
    storage_countries: [JP, DE]
    controller: shop-kk
    unlabelled: deny
    tables:
      public.customers: # about people: its name (no values read: SQLSTATE 57014)
        subject_key: id # high: the primary key, and a row is a subject by the table's name
        subjects: [customer]
        # subject_country_column: country # if it says whose data the row is
        # subject_countries: [] # whose data it is; until then it counts as of an unknown country
        columns:
          id: [user.unique_id] # medium: it is the subject key
          email: [user.contact.email] # high: its name
          # "no": [] # nothing known (text)
          # body: [user.content.private] # low: its name
          country: [user.contact.address.country] # medium: its name
    # Nothing points at people in these tables, which is no proof. If that is so, move them above:
    #   public.stickers: {about: nobody}
"""
    )
    root, problems = section(text)
    table = read_catalog(root)[DatasourceId("shop")].tables["public.customers"]
    assert problems.listed() == []
    assert (table.subject_key, list(table.columns)) == ("id", ["id", "email", "country"])


def test_the_document_says_how_sure_each_guess_is() -> None:
    columns = (ColumnSeen(name="email", type="text"),)
    found = document(OWNER, draft([TableSeen(name="public.stickers", columns=columns)]))
    (table,) = found["tables"]
    assert table["columns"] == [
        {
            "column": "email",
            "type": "text",
            "labelled": True,
            "technical": False,
            "guesses": [{"data_type": "user.contact.email", "confidence": "high", "why": "its name"}],
        }
    ]


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), max_size=4, unique_by=lambda one: one[:2]))
def test_no_name_breaks_the_file(tables: list[tuple[str, str, str]]) -> None:
    seen = [
        TableSeen(
            name=f"{schema}.{table}",
            columns=(ColumnSeen(name=column, type=column), ColumnSeen(name="email", type="text")),
            refers={"email": f"{schema}.{table}"},
            primary_key=(column,),
        )
        for schema, table, column in tables
    ]
    if len({one.name for one in seen}) == len(seen) and all(one.columns[0].name != "email" for one in seen):
        text = yaml_text(OWNER, draft(seen))
        check(text)
        assert len(text) < MAX_BYTES
