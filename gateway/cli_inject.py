"""Commands of `gateway.cli` about sidecars: the webhook, its certificates, and what it would do to a pod."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.console import GOOD, NO, quiet, reporting_problems, told
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from gateway.injector.settings import InjectorSettings

_FILE = click.Path(path_type=Path, dir_okay=False)
_SETTINGS = click.option(
    "--settings",
    "settings_path",
    type=_FILE,
    default=Path("injector.yaml"),
    show_default=True,
    help="File of the injector's settings.",
)


@click.group("inject")
def inject_group() -> None:
    """The gateway as a sidecar in an application's pod, on Kubernetes.

    \b
    sekisho inject pod deployment.yaml                  what would become of its pods
    sekisho inject serve --certificate tls.crt --key tls.key
    sekisho inject certificates --namespace sekisho-system --service injector --secret injector-tls --webhook injector
    """


@inject_group.command("serve")
@_SETTINGS
@click.option("--certificate", type=_FILE, required=True, help="PEM file with the certificate chain; may be renewed.")
@click.option("--key", type=_FILE, required=True, help="PEM file with its private key.")
@click.option("--address", default="0.0.0.0:8443", show_default=True, help="host:port of /inject, under TLS.")
@click.option("--metrics-address", help="host:port of /metrics, without TLS; without it there are none.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", help="Of logs.")
@reporting_problems
def serve_command(
    settings_path: Path, certificate: Path, key: Path, address: str, metrics_address: str | None, log_level: str
) -> int:
    """Answer the API server's questions (admission.k8s.io/v1) until SIGTERM. Logs JSON lines to standard error.

    \b
    sekisho inject serve --settings injector.yaml --certificate tls.crt --key tls.key
    sekisho inject serve --certificate tls.crt --key tls.key --metrics-address 0.0.0.0:8080
    """
    import asyncio

    from gateway import logs
    from gateway.config import TlsServer
    from gateway.doors.injection.service import Place, serve_webhook

    settings = _settings(settings_path)
    at = Place(address=_checked(address, "--address"), tls=TlsServer(certificate=certificate, key=key))
    metrics_at = None
    if metrics_address is not None:
        metrics_at = Place(address=_checked(metrics_address, "--metrics-address"))
    logs.configure(log_level, sys.stderr)
    asyncio.run(serve_webhook(settings, at, metrics_at))
    return GOOD


@inject_group.command("pod")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, allow_dash=True))
@_SETTINGS
@click.option("--namespace", default="default", show_default=True, help="Where the pod is made, if FILE does not say.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON Patch (RFC 6902) in place of the pod.")
@reporting_problems
def pod_command(file: str, settings_path: Path, namespace: str, as_json: bool) -> int:
    """Print what would become of the pods of FILE: nothing is asked of a cluster. `-` reads standard input.

    A Deployment, StatefulSet, DaemonSet, Job or CronJob is shown by the pod it would make, and other objects are
    passed over.
    Warnings, and why a pod stays as it is, go to standard error. Exits with 0 where every pod would be let in, 1 where
    one would be denied, 2 where a file cannot be read.

    \b
    sekisho inject pod deployment.yaml --settings injector.yaml
    helm template shop ./chart | sekisho inject pod - --namespace shop > /dev/null
    sekisho inject pod pod.yaml --json | jq .
    """
    import yaml

    from gateway.injector.answers import Denied
    from gateway.injector.json_patch import apply
    from gateway.injector.patch import inject

    quiet()
    settings = _settings(settings_path)
    code = GOOD
    for name, pod in _pods(file, namespace):
        found = inject(pod, settings, namespace=pod["metadata"]["namespace"])
        if isinstance(found, Denied):
            code = told((f"{name}: {found.detail} ({found.reason})",), NO)
            continue
        for warning in found.warnings:
            click.echo(f"{name}: warning: {warning}", err=True)
        if not found.operations:
            click.echo(f"{name}: stays as it is: {found.untouched}", err=True)
        if as_json:
            click.echo(json.dumps(found.operations))
        else:
            click.echo("---\n" + yaml.safe_dump(apply(pod, found.operations), sort_keys=False, width=110), nl=False)
    return code


@inject_group.command("certificates")
@click.option("--namespace", required=True, help="Where the webhook's Service and the Secret are.")
@click.option("--service", required=True, help="Name of the Service, which the certificate is for.")
@click.option("--secret", required=True, help="Name of the Secret for the pair; it must be there, if only empty.")
@click.option("--webhook", required=True, help="Name of the MutatingWebhookConfiguration that is to believe it.")
@click.option("--days", type=click.IntRange(2, 3650), default=90, show_default=True, help="How long a pair lasts.")
@click.option("--renew-before", type=click.IntRange(1), default=30, show_default=True, help="Days before its end.")
@click.option("--server", help="https address of the API server; without it, the one of the cluster this runs in.")
@click.option("--ca", type=_FILE, help="PEM file with the authorities of --server.")
@click.option("--token-file", type=_FILE, help="File with the token for --server.")
@reporting_problems
def certificates_command(
    namespace: str,
    service: str,
    secret: str,
    webhook: str,
    days: int,
    renew_before: int,
    server: str | None,
    ca: Path | None,
    token_file: Path | None,
) -> int:
    """Make the webhook's certificate where nobody else does, and renew it: for a Job, and a CronJob once a day.

    Where there is a good pair that lasts, and the webhook believes its authority, nothing is done. The authority's key
    is thrown away once it has signed.

    \b
    sekisho inject certificates --namespace sekisho-system --service injector --secret injector-tls --webhook injector
    """
    import os
    from datetime import UTC, datetime

    from gateway.links.kubernetes import Cluster, KubernetesError, in_cluster
    from gateway.links.webhook_certificates import Wanted, ensure

    quiet()
    if renew_before >= days:
        raise ConfigError(["--renew-before: a pair would be renewed on the day it is made"])
    if server is None:
        cluster = in_cluster(os.environ)
    elif not server.startswith("https://") or ca is None or token_file is None:
        raise ConfigError(["--server: an https address, with --ca and --token-file"])
    else:
        cluster = Cluster(url=server.rstrip("/"), ca=ca, token=token_file)
    wanted = Wanted(
        namespace=namespace, service=service, secret=secret, webhook=webhook, days=days, renew_before=renew_before
    )
    try:
        done = ensure(cluster, wanted, datetime.now(UTC))
    except KubernetesError as error:
        raise ConfigError([str(error)]) from error
    click.echo(f"{namespace}/{secret}: {done}")
    return GOOD


def _pods(file: str, namespace: str) -> list[tuple[str, dict[str, Any]]]:
    """Each pod with its name for people. Raises ConfigError."""
    import yaml

    from gateway.injector.templates import pod_of
    from gateway.yaml_text import load_all_yaml

    try:
        with click.open_file(file, "rb") as opened:
            documents = load_all_yaml(opened.read())
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError([f"{file}: not YAML: {getattr(error, 'problem', None) or error}"]) from error
    found = []
    for place, document in enumerate(documents, 1):
        if document is None:
            continue
        pod = pod_of(document, namespace)
        if pod is not None:
            kind, metadata = document["kind"], document.get("metadata")
            name = metadata.get("name") if isinstance(metadata, dict) else None
            found.append((f"{kind} {name}" if name else f"{kind} of document {place}", pod))
    if not found:
        raise ConfigError([f"{file}: nothing in it makes a pod"])
    return found


def _settings(path: Path) -> InjectorSettings:
    from gateway.config_load import load_as
    from gateway.injector.settings import InjectorSettings

    return load_as(InjectorSettings, path)


def _checked(address: str, option: str) -> str:
    from gateway.config_draft import split_address

    try:
        split_address(address)
    except ValueError as error:
        raise ConfigError([f"{option}: {error}"]) from error
    return address
