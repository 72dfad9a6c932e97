"""One draft from beginning to end: look, guess, write, and read what was written as the registry would."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from gateway.draft import guess, server, text
from gateway.draft.dsn import Reached
from gateway.draft.seen import TableDraft
from gateway.draft.text import Owner
from gateway.errors import ConfigError
from gateway.facts.catalog import FILE, read_catalog
from gateway.facts.fields import Problems, Section
from gateway.facts.yaml_tree import read_tree


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft, and the file it makes."""

    tables: tuple[TableDraft, ...]
    yaml: str

    @property
    def unread(self) -> dict[str, str]:
        """Tables of which no values could be read, with the SQLSTATE that says why."""
        return {table.name: table.unread for table in self.tables if table.unread}


async def make(
    reached: Reached, owner: Owner, *, schemas: Collection[str], sample: int, progress: server.Progress
) -> Drafted:
    """Raises ConfigError for what cannot be drafted, UpstreamError where the server cannot be reached."""
    check(text.yaml_text(owner, ()))  # what was given, before anybody is kept waiting
    tables = guess.draft(await server.look(reached, schemas=schemas, sample=sample, progress=progress))
    missing = sorted(set(schemas) - {table.name.partition(".")[0] for table in tables})
    if missing:
        raise ConfigError([f"--schema: no table in {name} that can be seen" for name in missing])
    drafted = Drafted(tables, text.yaml_text(owner, tables))
    check(drafted.yaml)
    return drafted


def check(drafted: str) -> None:
    """Raises ConfigError where the registry would not take it."""
    problems = Problems()
    read_catalog(Section(read_tree(drafted.encode()), FILE, problems))
    if problems.listed():
        raise ConfigError(problems.listed())
