"""What was seen of a database, and what is made of it: tables in, drafts of tables out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.draft.sure import Guess, Sure
from gateway.draft.values import Counts
from gateway.model import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSeen:
    """One column of the database, without a value of it."""

    name: str
    type: str  # as format_type prints it
    comment: str = ""
    counts: Counts | None = None  # of a sample; None: none was taken


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSeen:
    """One table of the database. Names are ``schema.table``, as the catalog has them."""

    name: str
    columns: tuple[ColumnSeen, ...]
    comment: str = ""
    primary_key: tuple[str, ...] = ()
    refers: Mapping[str, str] = field(default_factory=dict)  # column -> the table it alone refers to
    partition_of: str = ""
    unread: str = ""  # why no values were sampled, where they should have been: an SQLSTATE


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDraft:
    """What is guessed of a column. It is labelled only where that is more than a low guess."""

    name: str
    type: str
    guesses: tuple[Guess, ...]
    technical: bool = False

    @property
    def sure(self) -> tuple[Guess, ...]:
        """The guesses worth a label."""
        return tuple(guess for guess in self.guesses if guess.sure > Sure.LOW)

    @property
    def labelled(self) -> bool:
        """Whether the draft gives it a label; what it does not is denied until a person does."""
        return bool(self.sure) or (self.technical and not self.guesses)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDraft:
    """What is guessed of a table."""

    name: str
    about_people: bool  # False: nothing points at people, which is no proof that there are none
    why: str
    columns: tuple[ColumnDraft, ...]
    subject_key: str | None = None
    key_sure: Sure = Sure.LOW
    key_why: str = ""
    unit: Unit = Unit.PERSON
    subjects: tuple[str, ...] = ()
    country_column: str | None = None  # may say each row's country
    unread: str = ""
