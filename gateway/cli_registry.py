"""Commands of `gateway.cli` about the registry: what is imported into it, what it says, and whether it can be used."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.cli_reading import allowed
from gateway.console import GOOD, NO, config_option, load_config, quiet, reporting_problems

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.group("entities")
def entities_group() -> None:
    """Legal entities: what public registers say of them.

    \b
    sekisho entities import-gleif --level1 lei2.xml.zip --relationships rr.xml.zip --into ./registry
    """


@entities_group.command("import-gleif")
@click.option("--level1", type=_FILE, required=True, help="GLEIF Level 1: CDF XML or golden-copy CSV, may be zipped.")
@click.option("--relationships", type=_FILE, help="GLEIF Level 2, relationship records.")
@click.option("--exceptions", type=_FILE, help="GLEIF Level 2, reporting exceptions.")
@click.option("--into", "folder", type=_FOLDER, required=True, help="The registry's folder; its CSV is replaced.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
@reporting_problems
def import_gleif_command(
    level1: Path, relationships: Path | None, exceptions: Path | None, folder: Path, as_json: bool
) -> int:
    """Write entities.csv and ownership.csv of a registry from GLEIF's files.

    Exits with 0 where every record was used, 1 where some were left out and counted, 2 where nothing is written.
    Reporting exceptions and lapsed records are kept: such owners are unknown, never none.

    \b
    sekisho entities import-gleif --level1 lei2.csv.zip --relationships rr.csv.zip --exceptions repex.csv.zip --into .
    sekisho entities import-gleif --level1 lei2.xml --into ./registry --json | jq .left_out
    """
    from dataclasses import asdict

    from gateway.facts.gleif import import_gleif

    def progress(what: str, number: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{what}: {number:,} records", err=True, nl=False)

    found = import_gleif(level1, relationships, exceptions, folder, progress)
    if sys.stderr.isatty():
        click.echo(err=True)
    _tell_unsealed(folder)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
        return NO if found.left_out else GOOD
    click.echo(f"{folder}: {found.entities:,} entities, {found.holdings:,} holdings")
    click.echo(f"  of {found.owners_unknown:,} entities GLEIF says why their owners are not known")
    for why, number in found.left_out.items():
        click.echo(f"  left out: {number:,}, {why}")
    for example in found.examples:
        click.echo(f"    {example}")
    return NO if found.left_out else GOOD


@click.group("people")
def people_group() -> None:
    """People and workloads of the registry.

    \b
    sekisho people import-scim users.json --issuer https://id.example --entity "Example KK=example-jp" --into ./registry
    """


@people_group.command("import-scim")
@click.argument("users", type=_FILE)
@click.option("--issuer", required=True, help="The issuer whose subjects they are.")
@click.option(
    "--subject",
    type=click.Choice(["userName", "externalId", "id"]),
    default="userName",
    show_default=True,
    help="Which attribute is the subject of the issuer's tokens.",
)
@click.option("--entity", "entities", multiple=True, metavar="ORGANIZATION=ID", help="Which entity an organization is.")
@click.option("--into", "folder", type=_FOLDER, required=True, help="The registry's folder; people.csv is replaced.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
@reporting_problems
def import_scim_command(
    users: Path, issuer: str, subject: str, entities: tuple[str, ...], folder: Path, as_json: bool
) -> int:
    """Write people.csv of a registry from a file of SCIM 2.0 users (a ListResponse with all of them).

    Exits with 0 where every active user has an employer, 1 where some have none or were left out, 2 where nothing is
    written.

    \b
    sekisho people import-scim users.json --issuer https://id.example --entity "Example KK=example-jp" --into .
    """
    from dataclasses import asdict

    from gateway.facts.scim import import_scim

    named = {name: entity for name, _, entity in (one.rpartition("=") for one in entities)}
    found = import_scim(users, folder, issuer=issuer, subject=subject, entities=named)
    _tell_unsealed(folder)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    else:
        click.echo(f"{folder}: {found.people:,} people, {found.employed:,} of them employed")
        for why, number in found.left_out.items():
            click.echo(f"  left out: {number:,}, {why}")
        for organization, number in found.organizations.items():
            click.echo(f"  no entity: {number:,}, organization {organization} (name it with --entity)")
    return NO if found.left_out or found.organizations else GOOD


@click.command("whois")
@click.argument("name")
@config_option
@click.option("--as-of", type=_DAY, help="As of this UTC moment; without it, now.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@reporting_problems
def whois_command(name: str, config_path: Path, as_of: datetime | None, as_json: bool) -> int:
    """Explain what the registry says of NAME: a person (subject or issuer#subject), an entity, or an address.

    Whether you may ask is decided by the rules; who asked what is recorded, before the answer.

    \b
    sekisho whois li
    sekisho whois line-cn --as-of 2020-06-01
    sekisho whois 192.0.2.10 --json
    """
    from gateway.links.sources import load_sources
    from gateway.whois import explain, reading_of
    from gateway.whois_text import whois_text

    config = load_config(config_path)
    sources = load_sources(config)
    when = "" if as_of is None else f" as of {as_of.isoformat()}"
    allowed(config, reading_of(sources.registry, name, int(time.time())), f"whois {name}{when}", sources)
    document = explain(sources.registry, name, _moment(as_of))
    click.echo(json.dumps(document, indent=2, ensure_ascii=False) if as_json else whois_text(document))
    return GOOD


def _moment(as_of: datetime | None) -> int:
    return int(time.time()) if as_of is None else int(as_of.replace(tzinfo=UTC).timestamp())


@click.group("registry")
def registry_group() -> None:
    """The registry's folder: can it be used, and what is in it?

    \b
    sekisho registry check /etc/sekisho/registry
    """


@registry_group.command("check")
@click.argument("directory", type=_FOLDER)
@click.option("--as-of", type=_DAY, help="Count as of this UTC moment; without it, now.")
@click.option("--live", "config_path", type=_FILE, help="Look at the databases of this configuration, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@reporting_problems
def registry_check_command(directory: Path, as_of: datetime | None, config_path: Path | None, as_json: bool) -> int:
    """Read the registry in DIRECTORY; list every problem with its file and line, or what is in it.

    Exits with 0 where it can be used, 1 where a label is of something that its database does not have (--live), 2
    where it cannot.

    \b
    sekisho registry check ./registry
    sekisho registry check ./registry --json | jq .countries_brought
    sekisho registry check ./registry --live /etc/sekisho/sekisho.yaml
    """
    from gateway.facts.folder import unsealed
    from gateway.facts.registry import FILES, load_registry
    from gateway.label_check import check_labels
    from gateway.registry_summary import summary, summary_text

    quiet()
    registry = load_registry(directory)
    found = summary(registry, _moment(as_of)) | {"unsealed": unsealed(directory, FILES)}
    labels = None if config_path is None else check_labels(load_config(config_path), registry)
    if as_json:
        document = found if labels is None else {**found, "labels": labels.document()}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo(f"{directory}: {summary_text(found)}")
        if labels is not None:
            click.echo(labels.text())
    return GOOD if labels is None or labels.good else NO


@registry_group.command("seal")
@click.argument("directory", type=_FOLDER)
@reporting_problems
def registry_seal_command(directory: Path) -> int:
    """Write .manifest in DIRECTORY, which says that it is whole: from then on it is taken with exactly these files.

    blocks.yaml is not part of it: whoever is blocked there is blocked at once.

    \b
    sekisho registry seal ./registry && rsync -r ./registry/ gateway:/etc/sekisho/registry/
    """
    from gateway.facts.folder import seal
    from gateway.facts.registry import FILES, load_registry

    click.echo(seal(directory, FILES, load_registry(directory).contents.hashes))
    return GOOD


def _tell_unsealed(folder: Path) -> None:
    """What was just written into a sealed folder is not in its manifest."""
    from gateway.facts.folder import MANIFEST

    if (folder / MANIFEST).exists():
        click.echo(f"{folder}: its manifest is of before; sekisho registry seal {folder}", err=True)
