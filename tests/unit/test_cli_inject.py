"""`sekisho inject`: pods shown offline, and the webhook as a process of its own."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.demo.settings import free_port
from gateway.injector.json_patch import apply
from tests.golden.injector.pods import FOLDER, after, before
from tests.integration.postgres_wire import until
from tests.servers import TestCa

SETTINGS = """\
image: {repository: registry.example/sekisho, tag: "0.1.0", digest: "sha256:%s"}
own_namespace: sekisho-system
config_secret: sekisho-config
registry_map: sekisho-registry
""" % ("5e" * 32)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "injector.yaml"
    file.write_text(SETTINGS)
    return file


def shown(settings: Path, *arguments: str | Path, text: str | None = None) -> Result:
    command = ["inject", "pod", "--settings", str(settings), *map(str, arguments)]
    return CliRunner().invoke(main, command, input=text, catch_exceptions=False)


def test_a_pod_is_printed_as_the_cluster_would_run_it(settings: Path) -> None:
    done = shown(settings, FOLDER / "rewrite-url.before.yaml")
    assert done.exit_code == 0
    pod, told = after("rewrite-url")
    assert yaml.safe_load(done.stdout) == pod
    assert done.stderr == f"Pod messenger-api-0: warning: {told['warnings'][0]}\n"


def test_or_as_the_patch(settings: Path) -> None:
    done = shown(settings, FOLDER / "web-application.before.yaml", "--json")
    assert apply(before("web-application"), json.loads(done.stdout)) == after("web-application")[0]
    assert done.stderr == ""


def test_a_denial_is_told_with_its_reason(settings: Path) -> None:
    done = shown(settings, FOLDER / "rewrite-from-secret.before.yaml")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: Pod messenger-api-0: container api: DATABASE_URL: its value comes from")
    assert done.stderr.endswith("(rewrite_impossible)\n")


def test_objects_that_make_pods_and_others(settings: Path) -> None:
    pod = before("web-application")
    template = {"metadata": {"annotations": pod["metadata"]["annotations"]}, "spec": pod["spec"]}
    documents = [
        {"kind": "Service", "metadata": {"name": "shop"}},
        {"kind": "Deployment", "metadata": {"name": "shop"}, "spec": {"template": template}},
        {"kind": "Job", "metadata": {"name": "seed"}, "spec": {"template": {"spec": pod["spec"]}}},
        None,
    ]
    done = shown(settings, "-", "--namespace", "shop", text=yaml.safe_dump_all(documents))
    assert done.exit_code == 0
    made, untouched = yaml.safe_load_all(done.stdout)
    assert made["metadata"]["namespace"] == "shop"
    assert made["spec"]["initContainers"][0]["name"] == "sekisho"
    assert untouched["spec"] == pod["spec"]
    assert done.stderr == "Job seed: stays as it is: not_asked\n"
    assert shown(settings, "-", "--namespace", "kube-system", text=yaml.safe_dump(documents[1])).stderr == (
        "Deployment shop: stays as it is: namespace_excluded\n"
    )


@pytest.mark.parametrize("text", ["", "kind: Service\n", "a: [", "- 1\n", "kind: Deployment\n"])
def test_what_makes_no_pod_cannot_be_shown(settings: Path, text: str) -> None:
    done = shown(settings, "-", text=text)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")


def test_every_problem_of_the_settings_is_told(settings: Path) -> None:
    settings.write_text("image: {repository: R}\nform: new\n")
    done = shown(settings, "-", text="kind: Pod\n")
    assert done.exit_code == 2
    assert "own_namespace: missing" in done.stderr
    assert "expected one of native, classic" in done.stderr


def test_addresses_and_certificates_are_checked_first(settings: Path, tmp_path: Path) -> None:
    arguments = ["inject", "serve", "--settings", str(settings), "--certificate", "none.crt", "--key", "none.key"]
    wrong = CliRunner().invoke(main, [*arguments, "--address", "nowhere"])
    assert (wrong.exit_code, wrong.stderr) == (2, "error: --address: expected host:port, with a port up to 65535\n")
    gone = CliRunner().invoke(main, arguments)
    assert gone.exit_code == 2
    assert "none.crt" in gone.stderr


def test_it_serves_until_it_is_told_to_stop(settings: Path, tmp_path: Path, test_ca: TestCa) -> None:
    issued, port = test_ca.issue("sekisho-injector.sekisho-system.svc"), free_port()
    command = [sys.executable, "-m", "gateway.cli", "inject", "serve", "--settings", str(settings)]
    command += ["--certificate", str(issued.certificate), "--key", str(issued.key), "--address", f"127.0.0.1:{port}"]
    with (tmp_path / "log").open("wb") as log:
        served = subprocess.Popen(command, stderr=log)
    try:

        def answers() -> bool:
            try:
                return bool(ssl.get_server_certificate(("127.0.0.1", port)))
            except OSError:
                return False

        until(answers, seconds=30)
        served.send_signal(signal.SIGTERM)
        assert served.wait(20) == 0
    finally:
        served.kill()
        served.wait()
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert events == ["started", "stopping"]
