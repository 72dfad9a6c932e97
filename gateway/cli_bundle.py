"""Commands of `gateway.cli` about bundles: policy and registry as one file, as OPA defines it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.console import GOOD, NO, reporting_problems
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from gateway.policy.archive import Archive
    from gateway.policy.bundle import Bundle
    from gateway.policy.signature import VerificationKey

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_NEW_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
_ALGORITHM = click.option("--algorithm", default="ES256", show_default=True, help="Of the signature; never an HMAC.")


@click.group("bundle")
def bundle_group() -> None:
    """Policy and registry as one file: a standard OPA bundle, for a web server to hand out.

    \b
    sekisho bundle build --registry ./registry --signing-key key.pem --out sekisho.tar.gz
    sekisho bundle verify sekisho.tar.gz --key public.pem
    opa run --server --bundle sekisho.tar.gz
    """


@bundle_group.command("build")
@click.option("--policy", "policy", type=_FOLDER, help="Folder of packs; none = the packs that come with Sekisho.")
@click.option("--over", type=_FOLDER, multiple=True, help="Folder of packs laid over them, with roots of its own.")
@click.option("--registry", type=_FOLDER, help="Folder of the registry; none = the bundle holds policy alone.")
@click.option("--signing-key", type=_FILE, help="PEM file with the private key to sign with; none = not signed.")
@_ALGORITHM
@click.option("--key-id", default="sekisho", show_default=True, help="Name of the key, in the signature.")
@click.option(
    "--number",
    type=click.IntRange(min=0),
    help="Number of the bundle, higher each time (a pipeline's run, a commit's time): gateways take no lower one back.",
)
@click.option("--out", type=_NEW_FILE, required=True, help="The bundle; replaced whole, or not at all.")
@reporting_problems
def build_command(
    policy: Path | None,
    over: tuple[Path, ...],
    registry: Path | None,
    signing_key: Path | None,
    algorithm: str,
    key_id: str,
    number: int | None,
    out: Path,
) -> int:
    """Look at everything as a start would, and pack it. The same input gives the same bytes.

    Nothing that lies over other packs reaches into them: neither their packages, nor their data, nor their rules.

    \b
    sekisho bundle build --registry ./registry --out sekisho.tar.gz
    sekisho bundle build --policy ./packs --over ./our-packs --out policy.tar.gz
    """
    from gateway.links.sources import packaged_policies
    from gateway.policy.archive import pack
    from gateway.policy.bundle import load_bundle
    from gateway.policy.signature import SigningKey

    bundle = load_bundle(policy or packaged_policies(), *over)
    files, of_registry = _registry_files(registry) if registry is not None else ({}, "")
    revision = f"{bundle.revision}+{of_registry}" if registry is not None else bundle.revision
    key = None
    if signing_key is not None:
        key = SigningKey(pem=signing_key.read_text(encoding="utf-8"), algorithm=algorithm, id=key_id)
    data = pack(bundle, files, revision, key, number=number)
    part = out.with_name(f"{out.name}.part")
    part.write_bytes(data)
    part.replace(out)
    click.echo(f"{out}: revision {revision}, {len(data):,} bytes, {'signed' if key is not None else 'not signed'}")
    return GOOD


@bundle_group.command("verify")
@click.argument("file", type=_FILE)
@click.option("--key", type=_FILE, help="PEM file with the public key it must be signed with.")
@_ALGORITHM
@click.option("--scope", help="Scope the signature must be for; none = for none.")
@reporting_problems
def verify_command(file: Path, key: Path | None, algorithm: str, scope: str | None) -> int:
    """Whether a gateway would take it: whole, signed, within its roots, and of the revision it says.

    Exits with 0 where it would, 1 where it would not; every problem is told.

    \b
    sekisho bundle verify sekisho.tar.gz --key public.pem
    """
    from gateway.policy.signature import VerificationKey

    believed = None
    if key is not None:
        believed = VerificationKey(pem=key.read_text(encoding="utf-8"), algorithm=algorithm, scope=scope)
    try:
        archive, bundle = _looked_at(file, believed)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"BAD  {problem}")
        return NO
    signed = "signed with that key" if believed is not None else "no signature was looked at (--key)"
    click.echo(f"good: revision {archive.revision}, {len(bundle.rules())} rules, {signed}")
    return GOOD


@bundle_group.command("inspect")
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@reporting_problems
def inspect_command(file: Path, as_json: bool) -> int:
    """What lies in a bundle: its revision, roots, rules and files.

    \b
    sekisho bundle inspect sekisho.tar.gz
    sekisho bundle inspect sekisho.tar.gz --json | jq .rules
    """
    archive, bundle = _looked_at(file, None)
    document: dict[str, Any] = {
        "revision": archive.revision,
        "number": archive.number,
        "roots": list(archive.roots),
        "rules": {id: {name: row[name] for name in ("layer", "mode", "citation")} for id, row in bundle.rules()},
        "files": {path: len(archive.files[path]) for path in sorted(archive.files)},
    }
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return GOOD
    click.echo(f"revision  {document['revision']}\nroots     {', '.join(document['roots'])}\nrules")
    for id, row in document["rules"].items():
        click.echo(f"  {id:40} {row['layer']:8} {row['mode']}")
    click.echo("files")
    for path, size in document["files"].items():
        click.echo(f"  {size:>10,}  {path}")
    return GOOD


def _registry_files(folder: Path) -> tuple[dict[str, bytes], str]:
    """The files of a registry that was looked at as a whole, and its revision. Raises ConfigError."""
    from gateway.facts import blocks
    from gateway.facts.folder import digest, ends
    from gateway.facts.registry import load_registry

    registry = load_registry(folder)
    files = {name: (folder / name).read_bytes() for name in registry.contents.hashes}
    changed = sorted(name for name, data in files.items() if digest(data) != registry.contents.hashes[name])
    if changed:
        raise ConfigError([f"{folder / name}: changed while it was read" for name in changed])
    if blocks.FILE in files and not ends(files[blocks.FILE]):
        raise ConfigError([f"{folder / blocks.FILE}: its last line must be `...`, which says that the file is whole"])
    return files, registry.revision


def _looked_at(file: Path, key: VerificationKey | None) -> tuple[Archive, Bundle]:
    """A bundle as a gateway would load it. Raises ConfigError."""
    from gateway.facts.folder import Delivery
    from gateway.facts.registry import load_registry
    from gateway.links.bundles import write_out
    from gateway.links.sources import POLICY, REGISTRY, load_policy
    from gateway.policy.archive import unpack

    archive = unpack(file.read_bytes(), key)
    with tempfile.TemporaryDirectory(prefix="sekisho-bundle-") as directory:
        folder, link = Path(directory) / "unpacked", Path(directory) / "bundle"
        write_out(archive, folder)
        link.symlink_to(folder)
        bundle = load_policy(link / POLICY)
        found = bundle.revision
        if archive.registry:
            found += f"+{load_registry(link / REGISTRY, delivery=Delivery.SYMLINK).revision}"
    if archive.revision != found:
        raise ConfigError([f"it says it is revision {archive.revision}, and what lies in it is {found}"])
    return archive, bundle
