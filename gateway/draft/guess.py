"""What was seen of tables -> drafts of their labels. Pure: the database was read before, and no value is left of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gateway.draft import names, values
from gateway.draft.seen import ColumnDraft, ColumnSeen, TableDraft, TableSeen
from gateway.draft.sure import Guess, Sure, together
from gateway.model import Unit

_ID: Final = "user.unique_id"
_COUNTRY: Final = "user.contact.address.country"
_DATES: Final = re.compile(r"(date|time|timestamp|interval)\b.*")
_NUMBERS: Final = ("integer", "bigint", "uuid")  # of rows, by which nobody is known unless a row is somebody
# What may stand in a date, and in a yes or no: an `email_sent_at` is no e-mail address.
_OF_DATES: Final = (
    "user.demographic",
    "user.behavior",
    "user.payment",
    "user.health_and_medical",
    "user.criminal_history",
)
_BY_TYPE: Final[Mapping[str, tuple[str, Sure]]] = {
    "inet": ("user.device.ip_address", Sure.MEDIUM),
    "macaddr": ("user.device.device_id", Sure.MEDIUM),
    "macaddr8": ("user.device.device_id", Sure.MEDIUM),
    "point": ("user.location.precise", Sure.LOW),
}


def draft(tables: Sequence[TableSeen]) -> tuple[TableDraft, ...]:
    """A draft of each table, in the order they came."""
    guessed = {table.name: tuple(_column(table, column) for column in table.columns) for table in tables}
    whys = _about_people(tables, guessed)
    keyed = {table.name for table in tables if _are_subjects(table)}
    found = {table.name: _table(table, guessed[table.name], whys, keyed) for table in tables}
    return tuple(_like_parent(found[table.name], found.get(table.partition_of)) for table in tables)


def _column(table: TableSeen, column: ColumnSeen) -> ColumnDraft:
    by_name = (*names.of_column(column.name), *names.of_column(column.comment, "its comment"))
    told = [_as_typed(guess, column.type) for guess in by_name]
    if column.type in _BY_TYPE:
        data_type, sure = _BY_TYPE[column.type]
        told.append(Guess(data_type, sure, f"its type is {column.type}"))
    if column.counts is not None:
        told.extend(values.guesses(column.counts))
    numbered = column.name == "id" and table.primary_key == ("id",) and column.type in _NUMBERS
    technical = names.technical(column.name) or numbered
    return ColumnDraft(name=column.name, type=column.type, guesses=together(told), technical=technical)


def _as_typed(guess: Guess, kind: str) -> Guess:
    """A name's guess is a low one where the column's type cannot hold that."""
    dated = _DATES.fullmatch(kind) is not None
    if (kind == "boolean" or dated) and not guess.data_type.startswith(_OF_DATES):
        return replace(guess, sure=Sure.LOW)
    return guess


def _are_subjects(table: TableSeen) -> bool:
    """Whether each row is a person, or a device."""
    name = table.name.partition(".")[2]
    return names.of_people(name) is not None or names.of_devices(name)


def _about_people(tables: Sequence[TableSeen], guessed: Mapping[str, tuple[ColumnDraft, ...]]) -> dict[str, str]:
    """Tables about people -> why: by their names, by what is in them, or because they refer to one that is."""
    found: dict[str, str] = {}
    for table in tables:
        by_name = names.of_people(table.name.partition(".")[2])
        strong = [column.name for column in guessed[table.name] if _is_strong(column)]
        if by_name is not None:
            found[table.name] = "its name"
        elif names.of_devices(table.name.partition(".")[2]):
            found[table.name] = "its name (devices of people)"
        elif strong:
            found[table.name] = f"its columns ({', '.join(map(quoted, strong[:3]))})"
    referring: dict[str, list[str]] = defaultdict(list)
    for table in tables:
        for target in set(table.refers.values()):
            referring[target].append(table.name)
    waiting = list(found)
    while waiting:
        reached = waiting.pop()
        for name in referring[reached]:
            if name not in found:
                found[name] = f"it refers to {quoted(reached)}"
                waiting.append(name)
    return found


def _is_strong(column: ColumnDraft) -> bool:
    """A column that makes its table one about people: a `name` alone does not, stickers have names too."""
    return any(guess.sure is Sure.HIGH for guess in column.guesses) or any(
        guess.sure is Sure.MEDIUM and guess.data_type not in ("user.name", "user.payment", _COUNTRY)
        for guess in column.guesses
    )


def _table(table: TableSeen, columns: tuple[ColumnDraft, ...], whys: Mapping[str, str], keyed: set[str]) -> TableDraft:
    why = whys.get(table.name)
    if why is None:
        return TableDraft(name=table.name, about_people=False, why="", columns=columns, unread=table.unread)
    columns = tuple(_referring(table, column, keyed) for column in columns)
    key = _key(table, columns, keyed)
    if key is not None:
        columns = tuple(_identified(column) if column.name == key[0] else column for column in columns)
    name = table.name.partition(".")[2]
    people = names.of_people(name)
    country = next(
        (column.name for column in columns if any(one.data_type == _COUNTRY for one in column.guesses)), None
    )
    return TableDraft(
        name=table.name,
        about_people=True,
        why=why,
        columns=columns,
        subject_key=None if key is None else key[0],
        key_sure=Sure.LOW if key is None else key[1],
        key_why="" if key is None else key[2],
        unit=Unit.DEVICE if people is None and names.of_devices(name) else Unit.PERSON,
        subjects=(people[0],) if people is not None and people[0] else (),
        country_column=country,
        unread=table.unread,
    )


def _referring(table: TableSeen, column: ColumnDraft, keyed: set[str]) -> ColumnDraft:
    """A foreign key to people is their id, whatever its name says."""
    target = table.refers.get(column.name)
    if target not in keyed:
        return column
    guess = Guess(_ID, Sure.HIGH, f"it refers to {quoted(target or '')}")
    return replace(column, guesses=together((*column.guesses, guess)))


def _identified(column: ColumnDraft) -> ColumnDraft:
    if any(guess.data_type == _ID for guess in column.sure):
        return column
    return replace(column, guesses=together((*column.guesses, Guess(_ID, Sure.MEDIUM, "it is the subject key"))))


def _key(table: TableSeen, columns: Iterable[ColumnDraft], keyed: set[str]) -> tuple[str, Sure, str] | None:
    """The column that tells one subject from another: of the rows themselves, of whom they refer to, by its name."""
    if table.name in keyed and len(table.primary_key) == 1:
        return table.primary_key[0], Sure.HIGH, "the primary key, and a row is a subject by the table's name"
    for column, target in table.refers.items():
        if target in keyed:
            return column, Sure.MEDIUM, f"it refers to {quoted(target)}"
    for draft_of in columns:
        if any(guess.data_type == _ID and guess.sure > Sure.LOW for guess in draft_of.guesses):
            return draft_of.name, Sure.MEDIUM, "its name"
    return None


def _like_parent(found: TableDraft, parent: TableDraft | None) -> TableDraft:
    """A partition holds rows of its parent: reading the one reads the other, and both need the same labels."""
    if parent is None:
        return found
    return replace(parent, name=found.name, why=f"it is a partition of {quoted(parent.name)}", unread=found.unread)


def quoted(name: str) -> str:
    """A name of the database among our own words: quoted where it could end a line, and with it a comment."""
    return name if name.isprintable() else repr(name)
