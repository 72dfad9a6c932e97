"""What is made of names, keys and counts, without a database."""

from __future__ import annotations

from gateway.draft.guess import draft, quoted
from gateway.draft.seen import ColumnSeen, TableDraft, TableSeen
from gateway.draft.sure import Sure
from gateway.draft.values import count
from gateway.model import Unit


def table(name: str, *columns: str | ColumnSeen, **more: object) -> TableSeen:
    seen = tuple(one if isinstance(one, ColumnSeen) else ColumnSeen(name=one, type="text") for one in columns)
    return TableSeen(name=name, columns=seen, **more)  # type: ignore[arg-type]


def types(found: TableDraft, column: str) -> dict[str, Sure]:
    return {guess.data_type: guess.sure for one in found.columns if one.name == column for guess in one.guesses}


def test_a_table_of_people_by_its_name() -> None:
    (found,) = draft([table("app.customers", "id", "name", "created_at", "shoe_size", primary_key=("id",))])
    assert (found.about_people, found.why, found.subjects) == (True, "its name", ("customer",))
    assert (found.subject_key, found.key_sure) == ("id", Sure.HIGH)
    assert types(found, "id") == {"user.unique_id": Sure.MEDIUM}
    assert [column.name for column in found.columns if column.labelled] == ["id", "name", "created_at"]


def test_a_table_is_about_people_by_its_columns_and_by_whom_it_refers_to() -> None:
    found = draft(
        [
            table("a.orders", "id", "placed_by", refers={"placed_by": "a.users"}),
            table("a.lines", "id", "order_id", refers={"order_id": "a.orders"}),
            table("a.users", "id", primary_key=("id",)),
            table("a.newsletter", "email"),
            table("a.products", "id", "name"),
        ]
    )
    assert [one.about_people for one in found] == [True, True, True, True, False]
    assert [one.subject_key for one in found] == ["placed_by", None, "id", None, None]
    assert types(found[0], "placed_by") == {"user.unique_id": Sure.HIGH}
    assert [column.labelled for column in found[0].columns] == [False, True]
    assert found[1].why == "it refers to a.orders"
    assert found[3].why == "its columns (email)"


def test_a_rows_number_is_technical_where_a_row_is_nobody() -> None:
    number = ColumnSeen(name="id", type="bigint")
    orders, users = draft(
        [
            table("a.orders", number, "user_id", primary_key=("id",)),
            table("a.users", number, primary_key=("id",)),
        ]
    )
    assert (orders.columns[0].labelled, orders.columns[0].guesses) == (True, ())
    assert types(users, "id") == {"user.unique_id": Sure.MEDIUM}


def test_devices_have_a_unit_of_their_own() -> None:
    (found,) = draft([table("a.devices", "serial", "imei", primary_key=("serial",))])
    assert (found.unit, found.subject_key, found.subjects) == (Unit.DEVICE, "serial", ())


def test_values_comments_and_types_speak_too() -> None:
    contact = ColumnSeen(name="reach", type="text", comment="電話番号")
    mail = ColumnSeen(name="x", type="text", counts=count(f"n{number}@example.jp" for number in range(20)))
    address = ColumnSeen(name="y", type="inet")
    sent = ColumnSeen(name="email_sent_at", type="timestamp with time zone")
    ticked = ColumnSeen(name="phone", type="boolean")
    born = ColumnSeen(name="birthday", type="date")
    (found,) = draft([table("a.things", contact, mail, address, sent, ticked, born)])
    assert types(found, "reach") == {"user.contact.phone_number": Sure.HIGH}
    assert types(found, "x") == {"user.contact.email": Sure.HIGH}
    assert types(found, "y") == {"user.device.ip_address": Sure.MEDIUM}
    assert types(found, "email_sent_at") == {"user.contact.email": Sure.LOW}
    assert types(found, "phone") == {"user.contact.phone_number": Sure.LOW}
    assert types(found, "birthday") == {"user.demographic.date_of_birth": Sure.HIGH}


def test_a_partition_is_labelled_like_its_parent() -> None:
    parent, child = draft(
        [table("a.users", "id", "email", primary_key=("id",)), table("a.part", "id", "email", partition_of="a.users")]
    )
    assert (child.name, child.subject_key, child.columns) == ("a.part", parent.subject_key, parent.columns)
    assert child.why == "it is a partition of a.users"


def test_a_name_cannot_end_a_line() -> None:
    assert quoted("users") == "users"
    assert quoted("a\nb: [x]") == "'a\\nb: [x]'"
