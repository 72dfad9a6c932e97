"""Commands of `gateway.cli` about where the record is shipped to."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime
from pathlib import Path

import click

from gateway.console import GOOD, NO, config_option, load_config, reporting_problems


@click.command("sinks")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@reporting_problems
def sinks_command(config_path: Path, as_json: bool) -> int:
    """Show how far each place has the record that it is shipped to, and what goes wrong there.

    Exits with 1 where one of them fails. It looks at the record's folder and asks nobody.

    \b
    sekisho audit sinks
    sekisho audit sinks --json | jq '.[] | {sink, lag_seconds}'
    """
    from gateway import sink_report

    record = load_config(config_path).record
    if not record.sinks:
        click.echo("[]" if as_json else "The record is shipped nowhere (record.sinks).")
        return GOOD
    found = sink_report.standings(record, time.time())
    click.echo(json.dumps(sink_report.as_json(found), indent=2) if as_json else sink_report.text(found))
    return NO if any(one.failing is not None for one in found) else GOOD


@click.command("sink-ddl")
@click.option("--table", default="sekisho.record", show_default=True, help="The table, as schema.table.")
@click.option("--role", default="sekisho_record", show_default=True, help="The role that is to insert.")
@click.option("--from", "first", metavar="YYYY-MM", default=None, help="The first month.  [default: this one]")
@click.option("--months", type=click.IntRange(1, 600), default=24, show_default=True, help="How many months.")
def sink_ddl_command(table: str, role: str, first: str | None, months: int) -> None:
    """Print the SQL of the table that a `postgres` sink fills, for a role that may only insert.

    \b
    sekisho audit sink-ddl --months 12 | psql audit
    """
    from gateway.config_sink_rules import TABLE
    from gateway.links.sinks.postgres_ddl import whole_sql

    if not TABLE.fullmatch(table):
        raise click.BadParameter(
            "schema.table, each of small letters, digits and `_`, at most 40", param_hint="--table"
        )
    if '"' in role or not role:
        raise click.BadParameter("a role's name, without quotes", param_hint="--role")
    try:
        month = datetime.now(UTC).date() if first is None else date.fromisoformat(f"{first}-01")
    except ValueError:
        raise click.BadParameter("a month, as 2026-11", param_hint="--from") from None
    click.echo(whole_sql(table, month.replace(day=1), months, role), nl=False)
