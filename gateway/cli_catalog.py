"""Commands of `gateway.cli` about the catalog: a first draft of it from a live database, and whether its labels fit."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from gateway.console import GOOD, NO, config_option, load_config, quiet, reporting_problems
from gateway.errors import ConfigError


@click.group("catalog")
def catalog_group() -> None:
    """The catalog: what the databases' tables hold, and whose data it is.

    \b
    sekisho catalog draft --dsn postgresql://reader@db/messenger --controller line-jp --storage-country JP
    sekisho catalog check --config sekisho.yaml
    """


@catalog_group.command("check")
@config_option
@click.option("--datasource", "datasources", multiple=True, help="Only this one; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@reporting_problems
def catalog_check_command(config_path: Path, datasources: tuple[str, ...], as_json: bool) -> int:
    """Compare the catalog's labels with the databases: labels of what is not there, tables and columns without one.

    Exits with 0 where every label is of something that is there, 1 where one is not, 2 where nobody could look.

    \b
    sekisho catalog check --config sekisho.yaml
    sekisho catalog check --datasource messenger --json | jq .[].unlabelled
    """
    from gateway.label_check import check_labels
    from gateway.links.sources import load_sources

    quiet()
    config = load_config(config_path)
    found = check_labels(config, load_sources(config).registry, datasources)
    click.echo(json.dumps(found.document(), indent=2, ensure_ascii=False) if as_json else found.text())
    return GOOD if found.good else NO


@catalog_group.command("draft")
@click.option("--dsn", required=True, help="The database: postgresql://user@host:port/name, or name=value pairs.")
@click.option(
    "--password-file", type=click.Path(path_type=Path, dir_okay=False), help="Its first line is the password."
)
@click.option("--controller", required=True, help="The entity of the registry whose data it is.")
@click.option("--storage-country", "countries", multiple=True, required=True, help="Where it lies (ISO 3166-1).")
@click.option("--datasource", help="Id of the datasource; without it, the database's name.")
@click.option("--schema", "schemas", multiple=True, help="Only this schema; may be given several times.")
@click.option(
    "--sample",
    type=click.IntRange(0, 1000),
    default=100,
    show_default=True,
    help="Rows to look at, of each table; 0 reads no value.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it here; a file there is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print every guess as JSON.")
@reporting_problems
def catalog_draft_command(
    dsn: str,
    password_file: Path | None,
    controller: str,
    countries: tuple[str, ...],
    datasource: str | None,
    schemas: tuple[str, ...],
    sample: int,
    out: Path | None,
    as_json: bool,
) -> int:
    """Write a first draft of catalog.yaml from a live database, with how sure each guess is.

    Names in several languages, comments, types, keys and a bounded sample of values are looked at, read only; no value
    is ever written or logged. What nothing points at is left without a label, and is denied until somebody labels it.
    The password comes from PGPASSWORD or --password-file.

    Exits with 0 where all of it was looked at, 1 where values of some tables could not be read, 2 where there is no
    draft.

    \b
    sekisho catalog draft --dsn postgresql://reader@db/messenger --controller line-jp --storage-country JP > draft.yaml
    sekisho catalog draft --dsn "host=/run/postgresql dbname=shop user=reader" --controller shop --storage-country DE \\
        --schema public --sample 0 --out registry/catalog.yaml
    """
    import asyncio

    from gateway.draft.dsn import reach
    from gateway.draft.make import make
    from gateway.draft.text import Owner, document
    from gateway.links.secret import secret

    quiet()
    password = os.environ.get("PGPASSWORD") or None
    reached = reach(dsn, secret(password_file) if password_file is not None else password)
    if out is not None and out.exists():
        raise ConfigError([f"{out}: a file is there already, and a draft replaces none"])
    owner = Owner(datasource or reached.address.database, controller, countries)
    drafted = asyncio.run(make(reached, owner, schemas=schemas, sample=sample, progress=_progress))
    if out is not None:
        with out.open("x", encoding="utf-8") as file:
            file.write(drafted.yaml)
    if as_json:
        click.echo(json.dumps(document(owner, drafted.tables), indent=2, ensure_ascii=False))
    elif out is None:
        click.echo(drafted.yaml, nl=False)
    for name, why in drafted.unread.items():
        click.echo(f"{name}: its values could not be read (SQLSTATE {why})", err=True)
    return NO if drafted.unread else GOOD


def _progress(table: str, done: int, tables: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{done:,} of {tables:,} tables {table}", err=True, nl=done == tables)
