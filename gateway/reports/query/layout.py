"""Segments -> columns: a segment's entries as three Parquet files, by DuckDB, once for each closed segment, and piece
by piece for the one that still grows (`gateway.audit.columns`).

A statement's full decision is laid out once, with everything it says; an execution under it is four numbers, with its
completion where that is in the same segment. So ten million entries are some hundred megabytes, and a question reads
the columns it asks for. What the entries say is in `gateway.audit.record`; what can be asked, in `views`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.audit.columns import FOLDER, ChainBroken, Held, Laid, check
from gateway.audit.record import SCHEMA_VERSION
from gateway.audit.segments import Segment, list_segments
from gateway.errors import ConfigError
from gateway.reports.query.pieces import Work, all_of, asking, plan

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

EXECUTIONS: Final = "executions.parquet"
DECISIONS: Final = "decisions.parquet"
OTHERS: Final = "others.parquet"
_AT_ONCE: Final = 4  # segments: each takes several times its size in memory
_MOST_BYTES: Final = 4 * 1024 * 1024  # of one line, as `gateway.audit.chain` has it

# What is read of an entry. A field that an entry lacks is null; one that is not listed is in `entry`, of what is laid
# out in full.
_FIELDS: Final = {
    "schema_version": "BIGINT",
    "kind": "VARCHAR",
    "action": "VARCHAR",
    "seq": "BIGINT",
    "at_us": "BIGINT",
    "decision_id": "VARCHAR",
    "of": "VARCHAR",
    "session": "VARCHAR",
    "rows": "BIGINT",
    "bytes": "BIGINT",
    "subjects": "BIGINT",
    "duration_us": "BIGINT",
    "sqlstate": "VARCHAR",
    "door": "VARCHAR",
    "datasource": "VARCHAR",
    "controller": "VARCHAR",
    "profile": "VARCHAR",
    "purpose": "VARCHAR",
    "ticket": "VARCHAR",
    "person": "VARCHAR",
    "principal": "STRUCT(id VARCHAR, issuer VARCHAR, subject VARCHAR, groups VARCHAR[], mfa BOOLEAN)",
    "location": "STRUCT(countries VARCHAR[], source VARCHAR, confidence VARCHAR, conflict BOOLEAN, site VARCHAR)",
    "employer": "STRUCT(known BOOLEAN, complete BOOLEAN, entity VARCHAR, name VARCHAR, country VARCHAR, "
    "relation VARCHAR, residence VARCHAR, chain STRUCT(entity VARCHAR, country VARCHAR)[], "
    "owners STRUCT(entity VARCHAR, country VARCHAR, share_percent DOUBLE)[], "
    "held STRUCT(test VARCHAR, entity VARCHAR, answer VARCHAR)[])",
    "caller": "STRUCT(id VARCHAR)",
    "origin": "VARCHAR[]",
    "statement": 'STRUCT(kind VARCHAR, effect VARCHAR, complete BOOLEAN, confidence VARCHAR, "text" VARCHAR, '
    "hash VARCHAR, relations VARCHAR[], columns MAP(VARCHAR, VARCHAR[]))",
    "data": "STRUCT(about_people BOOLEAN, data_types VARCHAR[], subject_countries VARCHAR[], "
    "storage_countries VARCHAR[], unlabelled VARCHAR[])",
    "agreements": "VARCHAR[]",
    "effect": "VARCHAR",
    "reason": "VARCHAR",
    "obligations": "STRUCT(kind VARCHAR)[]",
    "findings": "STRUCT(rule VARCHAR, layer VARCHAR, mode VARCHAR, citation VARCHAR)[]",
    "cross_border": "BOOLEAN",
    "revision": "VARCHAR",
    "registry_revision": "VARCHAR",
    "reading": "JSON",
    "event": "VARCHAR",
    "principal_id": "VARCHAR",
    "detail": "VARCHAR",
}
_AT: Final = "make_timestamp(at_us)"
_RULES: Final = "list_sort(list_distinct([f.rule for f in coalesce(findings, []) if f.mode = '{mode}']))"
_ACCESS: Final = "kind = 'decision' AND coalesce(action, 'statement') = 'statement'"

_LAID_OUT: Final = {
    EXECUTIONS: f"""
        WITH ended AS (
            SELECT decision_id, sum(rows)::BIGINT AS rows, sum(bytes)::BIGINT AS bytes,
                sum(subjects)::BIGINT AS subjects, sum(duration_us)::BIGINT AS duration_us, max(sqlstate) AS sqlstate
            FROM entries WHERE kind = 'completion' GROUP BY decision_id
        )
        SELECT e.seq, {_AT} AS time, e.decision_id AS id, coalesce(e.of, e.decision_id) AS decision,
            ended.rows, ended.bytes, ended.subjects, ended.duration_us, ended.sqlstate
        FROM entries AS e LEFT JOIN ended ON ended.decision_id = e.decision_id
        WHERE e.kind = 'repeat' OR (e.kind = 'decision' AND coalesce(e.action, 'statement') = 'statement')
        ORDER BY e.seq""",  # noqa: S608 - of ours
    DECISIONS: f"""
        SELECT seq, {_AT} AS time, decision_id AS id, session, door, datasource, controller, profile, purpose, ticket,
            principal.id AS principal, principal.issuer AS issuer, principal.subject AS subject, person,
            principal.groups AS groups, principal.mfa AS mfa,
            employer.entity AS entity, employer.name AS entity_name, employer.country AS entity_country,
            employer.relation AS relation, employer.residence AS residence,
            coalesce(employer.known, false) AS employer_known,
            [link.entity for link in coalesce(employer.chain, [])] AS chain,
            [link.country for link in coalesce(employer.chain, [])] AS chain_countries,
            [one.entity FOR one IN coalesce(employer.owners, [])] AS owners,
            [one.country FOR one IN coalesce(employer.owners, [])] AS owner_countries,
            [one.share_percent FOR one IN coalesce(employer.owners, [])] AS owner_shares,
            [concat_ws(' ', one.test, one.entity, one.answer) FOR one IN coalesce(employer.held, [])] AS held,
            caller.id AS caller, coalesce(agreements, []) AS agreements,
            coalesce(location.countries, []) AS location, location.source AS location_source,
            location.confidence AS location_confidence, coalesce(location.conflict, false) AS location_conflict,
            location.site AS site,
            list_sort(list_distinct(coalesce(origin, []))) AS origin,
            statement.kind AS statement_kind, statement.effect AS statement_effect,
            coalesce(statement.complete, false) AS complete, statement.confidence AS statement_confidence,
            statement.text AS statement, statement.hash AS statement_hash,
            coalesce(statement.relations, []) AS relations,
            list_sort(list_distinct(flatten(coalesce(map_values(statement.columns), [])))) AS columns,
            coalesce(data.about_people, true) AS about_people,
            list_sort(list_distinct(coalesce(data.data_types, []))) AS data_types,
            list_sort(list_distinct(coalesce(data.subject_countries, []))) AS subject_countries,
            coalesce(data.storage_countries, []) AS storage_countries,
            coalesce(data.unlabelled, []) AS unlabelled,
            effect, reason, {_RULES.format(mode="enforce")} AS rules, {_RULES.format(mode="shadow")} AS shadow_rules,
            list_sort(list_distinct([o.kind for o in coalesce(obligations, [])])) AS obligations,
            coalesce(cross_border, true) AS cross_border, revision, registry_revision
        FROM entries WHERE {_ACCESS} ORDER BY seq""",  # noqa: S608 - of ours
    OTHERS: f"""
        SELECT seq, {_AT} AS time, kind, coalesce(action, 'statement') AS action, event, decision_id AS id, session,
            door, datasource, profile, coalesce(principal.id, principal_id) AS principal, principal.subject AS subject,
            person, employer.entity AS entity, coalesce(location.countries, []) AS location,
            coalesce(origin, []) AS origin, statement.text AS statement, reading, effect, reason,
            {_RULES.format(mode="enforce")} AS rules, detail, sqlstate, rows, bytes, subjects, duration_us, revision
        FROM entries
        WHERE kind NOT IN ('repeat', 'completion', 'segment_head') AND NOT ({_ACCESS})
            OR (kind = 'completion' AND decision_id NOT IN (
                SELECT decision_id FROM entries WHERE kind IN ('repeat', 'decision') AND decision_id IS NOT NULL))
        ORDER BY seq""",  # noqa: S608 - of ours
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the columns of a record lie, for as long as they are asked."""

    folders: tuple[Path, ...]
    notes: tuple[str, ...]  # what is not in them
    scratch: Path  # a folder that goes when nothing is asked any more

    def files(self, name: str) -> list[str]:
        """Of one kind, of all segments."""
        return [str(folder / name) for folder in self.folders]


@contextmanager
def laid_out(directory: Path, *, keep: bool, told: Callable[[int, int], None]) -> Iterator[Layout]:
    """The columns of every segment of a record. ``keep``: they are left for the next question; else nothing is written
    beside the record. ``told``: how many segments are laid out, of how many that were not yet.

    Raises ChainBroken where a segment does not hold, OSError where it cannot be read, or laid out.
    """
    segments = list_segments(directory)
    place = directory / FOLDER
    keep = keep and os.access(directory, os.W_OK)
    with contextlib.ExitStack() as held:
        if keep:
            held.enter_context(asking(directory))
        work = plan(directory, segments) if keep else all_of(segments)
        temporary = Path(held.enter_context(tempfile.TemporaryDirectory(prefix=".asked-", dir=place if keep else None)))
        wanted = [one for one in work if one.behind]
        found = {one.segment: [*one.kept] for one in work}
        with ThreadPoolExecutor(min(os.cpu_count() or 1, _AT_ONCE)) as pool:
            made = pool.map(lambda one: _lay_out(one, temporary), wanted)
            for number, (one, piece) in enumerate(zip(wanted, made, strict=True)):
                told(number, len(wanted))
                if piece is not None:
                    path = temporary / piece.name
                    found[one.segment].append(piece.laid(_keep(path, place) if keep else path))
            told(len(wanted), len(wanted))
        chains = [[found[one] for one in chain] for chain in segments.values()]
        notes = tuple(note for chain, of in zip(chains, segments.values(), strict=True) for note in _gaps(chain, of))
        folders = tuple(piece.path for chain in chains for pieces in chain for piece in pieces)
        yield Layout(folders=folders, notes=notes, scratch=temporary)


def _gaps(chain: list[list[Laid]], segments: list[Segment]) -> Iterator[str]:
    """What is missing between the segments of one writer. Raises ChainBroken where two that follow do not fit."""
    if segments[0].number:
        first = segments[0]
        yield f"{first.writer}: segments before {first.number} are not there (`sekisho audit verify` says why)"
    for before, after, segment in zip(chain, chain[1:], segments[1:], strict=False):
        if segment.number != before[-1].number + 1:
            yield f"{segment.writer}: segments {before[-1].number + 1} to {segment.number - 1} are not there"
        elif after[0].before != before[-1].last:
            raise ChainBroken(segment, 1)


def _keep(made: Path, place: Path) -> Path:
    """Leave it for the next question. Somebody else may have done so just now."""
    kept = place / made.name
    if not kept.exists():
        made.rename(kept)
        return kept
    shutil.rmtree(made)
    return kept


def _lay_out(work: Work, into: Path) -> Held | None:
    """Three files of what is behind the pieces that stay. Of a segment that still grows, of what it holds now. None:
    nothing is there."""
    import duckdb

    segment = work.segment
    start, before = (work.kept[-1].end, work.kept[-1].last) if work.kept else (0, "")
    held = check(segment, start, before)
    if held is None:
        return None
    folder = into / held.name
    folder.mkdir(mode=0o700)
    source = segment.path
    if start or source.stat().st_size != held.size:
        source = folder / "whole.jsonl"
        _copy(segment.path, source, start, held.size)
    with duckdb.connect(config=settings(folder, threads=1)) as connection:
        try:
            _read(connection, source)
        except duckdb.Error as error:
            words = str(error).partition("\n")[0]
            raise ConfigError([f"{segment.name}: an entry is not as this version writes them: {words}"]) from None
        check_of = "SELECT count(*), coalesce(max(schema_version), 0) FROM entries"
        count, newest = connection.execute(check_of).fetchall()[0]
        if count != held.lines:  # it is not what was checked a moment ago
            raise ChainBroken(segment, held.lines)
        if newest > SCHEMA_VERSION:
            raise ConfigError(
                [f"{segment.name}: written by a later version (schema {newest}; this one knows {SCHEMA_VERSION})"]
            )
        for name, query in _LAID_OUT.items():
            path = str(folder / name).replace("'", "''")
            connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
            (folder / name).chmod(0o600)
    if source != segment.path:
        source.unlink()
    return held


def settings(scratch: Path, **more: int) -> dict[str, Any]:
    """Of a connection: what it has no room for in memory goes into that folder; nothing is fetched from anywhere."""
    private = {
        "temp_directory": str(scratch / "spilled"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    return private | more


def _read(connection: duckdb.DuckDBPyConnection, source: Path) -> None:
    fields = ", ".join(f"\"{name}\": '{kind}'" for name, kind in _FIELDS.items())
    connection.execute(
        f"CREATE TEMP TABLE entries AS SELECT * FROM read_json($file, format = 'newline_delimited', "  # noqa: S608
        f"columns = {{{fields}}}, maximum_object_size = {_MOST_BYTES}, compression = 'none')",
        {"file": str(source)},
    )


def _copy(source: Path, target: Path, start: int, size: int) -> None:
    with source.open("rb") as reading, target.open("xb") as writing:
        reading.seek(start)
        while size and (chunk := reading.read(min(size, 1 << 20))):
            writing.write(chunk)
            size -= len(chunk)
