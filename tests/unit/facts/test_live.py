"""Labels beside a database: what is labelled and is not there, what is there and is not labelled."""

from gateway.facts.catalog import Source, read_catalog
from gateway.facts.live import Labelling, LiveRelation, compare
from gateway.model import DatasourceId
from tests.unit.facts.world import section

CATALOG = """\
datasources:
  - id: shop
    storage_countries: [JP]
    controller: shop
    tables:
      public.users:
        columns:
          id: []
          phone: [user.contact.phone_number]
      public.gone: {about: nobody}
      public.stickers: {about: nobody}
"""


def source() -> Source:
    root, problems = section(CATALOG)
    found = read_catalog(root)
    assert problems.listed() == []
    return found[DatasourceId("shop")]


def relation(*columns: str, holds_rows: bool = True) -> LiveRelation:
    return LiveRelation(frozenset(columns), holds_rows)


def test_all_is_labelled() -> None:
    live = {
        "public.users": relation("id", "phone"),
        "public.gone": relation("x"),
        "public.stickers": relation("id", "name"),
        "public.view": relation("phone", holds_rows=False),
    }
    assert compare(source(), live) == Labelling()


def test_labels_of_nothing_have_their_place() -> None:
    found = compare(source(), {"public.users": relation("id"), "public.stickers": relation()})
    assert found.void == (
        "catalog.yaml:9: public.users.phone is labelled, and the database has no such column",
        "catalog.yaml:10: public.gone is labelled, and the database has no such table",
    )
    assert found.unlabelled == ()


def test_what_has_no_label() -> None:
    live = {
        "public.users": relation("id", "phone", "shoe_size"),
        "public.gone": relation(),
        "public.stickers": relation("new"),
        "hr.people": relation("name"),
        "public.view": relation("name", holds_rows=False),
    }
    assert compare(source(), live) == Labelling((), ("hr.people", "public.users.shoe_size"))
