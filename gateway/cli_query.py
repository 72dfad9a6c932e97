"""`sekisho audit query`: who could read what, from where, under whose law; and anything else the record can say."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from gateway.cli_reading import readable, record_options
from gateway.console import GOOD, reporting_problems
from gateway.errors import ConfigError
from gateway.reports.query.questions import BY_DEFAULT, DIMENSIONS, Accesses

_AGO: Final = {"d": "days", "h": "hours", "m": "minutes"}
_PRIVATE: Final = 0o600
_WIDE: Final = 10_000  # columns of a table that goes to no terminal


class Moment(click.ParamType[datetime]):
    """A day, a moment (UTC), or so long ago. ``last``: a day counts to its end."""

    name = "moment"

    def __init__(self, *, last: bool = False) -> None:
        self._last = last

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """See the class."""
        if isinstance(value, datetime):
            return value
        text = str(value)
        if text[:-1].isdigit() and text[-1] in _AGO:
            return datetime.now(UTC).replace(tzinfo=None) - timedelta(**{_AGO[text[-1]]: int(text[:-1])})
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            self.fail(
                f"{text!r} is no day (2026-11-01), moment (2026-11-01T09:30:00Z) or age (7d, 12h, 30m)", param, ctx
            )
        if found.tzinfo is not None:
            found = found.astimezone(UTC).replace(tzinfo=None)
        return found + timedelta(days=1) if self._last and len(text) == len("2026-11-01") else found


_COUNTRY: Final = "country (CN), or `unknown`"
_FILTERS: Final = (
    click.option("--since", type=Moment(), help="From this day or moment (UTC) on, or since so long ago (7d, 12h)."),
    click.option("--until", type=Moment(last=True), help="The last day counted, or the moment before which."),
    click.option("--principal", help="Only this person: issuer#subject, the subject, or the registry's name."),
    click.option("--entity", help="Only people employed by this entity (its id in the registry), or `unknown`."),
    click.option("--country", help=f"Only where the origin (place, employer, owners) holds this {_COUNTRY}."),
    click.option("--location", help=f"Only of people who were in this {_COUNTRY}."),
    click.option("--subject-country", help="Only data about people of this country."),
    click.option("--data-type", help="Only this data type and those below it (user.contact), or `unlabelled`."),
    click.option("--relation", help="Only where this relation was touched (users, or schema.users)."),
    click.option("--rule", help="Only where this rule denied, or would have."),
    click.option("--effect", type=click.Choice(["allow", "deny"]), help="Only what was allowed, or denied."),
    click.option("--reason", help="Only this reason code (policy_denied, policy_stale, ...)."),
    click.option("--datasource", help="Only this datasource."),
    click.option("--door", help="Only what came through this door (postgres, grpc, envoy, http)."),
    click.option("--purpose", help="Only for this purpose, by the signed token."),
    click.option("--decision", help="Only the execution with this decision id; listed."),
)


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which accesses."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


def _dimensions(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    if value is None:
        return BY_DEFAULT
    names = tuple(one.strip() for one in value.split(",") if one.strip())
    unknown = [one for one in names if one not in DIMENSIONS]
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)}: choose of {', '.join(DIMENSIONS)}")
    return tuple(dict.fromkeys(names))


@click.command("query")
@record_options
@filters
@click.option("--by", callback=_dimensions, help=f"Count by these: any of {', '.join(DIMENSIONS)}.")
@click.option("--list", "listed", is_flag=True, help="List the last accesses one by one instead of counting them.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many, with --list.")
@click.option("--sql", help="A SELECT over the views accesses, decisions, executions, refusals, readings, events.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "ndjson", "parquet"]),
    default="table",
    show_default=True,
    help="How the answer is written.",
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Into this file, which only you may read."
)
@reporting_problems
def query_command(
    directory: Path | None,
    config_path: Path,
    unrecorded: bool,
    by: tuple[str, ...],
    listed: bool,
    limit: int,
    sql: str | None,
    form: str,
    output: Path | None,
    **wanted: Any,
) -> int:
    """Count or list accesses of the record: who could read what, from where, under whose law. Whether you may ask is
    decided by the rules, and recorded with what you asked.

    The record is the configuration's, or the one in DIRECTORY. Only what holds is told: each segment's chain is checked
    once and then laid out by columns beside the record (`columns/`), so that later questions take seconds.

    \b
    sekisho audit query --country CN --subject-country JP --by principal,country,data-type
    sekisho audit query --since 7d --effect deny --by rule,entity
    sekisho audit query --principal li --list --limit 20
    sekisho audit query --sql "SELECT door, count(*) FROM accesses GROUP BY ALL" --format csv
    """
    from gateway.inquiry import Looking, Reading
    from gateway.operators import as_owner
    from gateway.reports.query.ask import Record
    from gateway.reports.query.views import engine_there

    engine_there()
    if form == "parquet" and output is None:
        raise ConfigError(["--format parquet: name the file with --output"])
    for name in ("country", "location", "subject_country"):
        if wanted[name] not in (None, "unknown"):
            wanted[name] = wanted[name].upper()
    accesses = Accesses(**wanted)
    if sql is not None and (given := Accesses(**{**wanted, "entity": None}).told()):
        raise ConfigError([f"--sql: only --entity narrows it; put the rest into the SQL ({given})"])
    reading = Reading(
        what=Looking.DECISIONS,
        entity=accesses.entity,
        since=seconds(accesses.since),
        until=seconds(accesses.until),
    )
    asked = f"audit query: {sql or accesses.told() or 'everything'}"
    folder = readable(directory, config_path, unrecorded, reading, asked).folder
    record = Record(folder, reading, keep=not unrecorded, told=_progress)
    with _output(output) as out, as_owner(folder):
        parquet = out if form == "parquet" else None
        if sql is not None:
            answering = record.sql(sql, parquet=parquet)
        elif listed or accesses.decision is not None:
            answering = record.list(accesses, limit, parquet=parquet)
        else:
            answering = record.count(accesses, by, parquet=parquet)
        with answering as answer:
            _write(answer, form, out)
    return GOOD


def _write(answer: Any, form: str, out: BinaryIO) -> None:
    import io

    from gateway.reports.query import shown

    if form == "parquet":
        click.echo("; ".join(answer.notes), err=True)
        return
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    try:
        if form == "table":
            width = shutil.get_terminal_size().columns if out.isatty() else _WIDE
            text.write(shown.table(answer, width=width) + "\n")
        else:
            shown.WRITERS[form](answer, text)
            for note in answer.notes if form != "json" else ():
                click.echo(f"note: {note}", err=True)
    finally:
        text.detach()


@contextmanager
def _output(path: Path | None) -> Iterator[BinaryIO]:
    """Where the answer goes: personal data, for whoever asked alone."""
    if path is None:
        yield sys.stdout.buffer
        return
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _PRIVATE)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, _PRIVATE)
        yield file


def _progress(done: int, of: int) -> None:
    if of > 1 and sys.stderr.isatty():
        click.echo(f"\rlaying out segment {min(done + 1, of)} of {of}" if done < of else "\r\x1b[K", err=True, nl=False)


def seconds(moment: datetime | None) -> int | None:
    """Since 1970, as a reading has it."""
    return None if moment is None else int(moment.replace(tzinfo=UTC).timestamp())
