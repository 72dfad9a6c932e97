"""Reading the configuration: every problem in one run, each with its place."""

from __future__ import annotations

import dataclasses
import re
import typing
from pathlib import Path

import pytest
import yaml

from gateway import config as c
from gateway import config_load
from gateway.config_load import iter_settings, load_as
from gateway.errors import ConfigError
from gateway.injector.settings import Form, Image, InjectorSettings, PullPolicy

GOOD = """\
listeners:
  postgres:
    - address: 127.0.0.1:6432
      plaintext: loopback
      edges: [127.0.0.1/32]
  http: {address: "127.0.0.1:8080"}
issuers:
  - issuer: https://id.example
    audience: sekisho
    keys: keys/jwks.json
datasources:
  - id: messenger
    host: /run/postgresql
    database: messenger
    tls: disable
    twin: {role: twin}
    profiles:
      - {name: engineer, role: app_engineer, groups: [eng]}
      - {name: all, role: app_all}
registry: {directory: registry}
record: {directory: record}
"""


@pytest.fixture
def write(tmp_path: Path):
    """A configuration file whose neighbours exist."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "jwks.json").write_text("{}")
    (tmp_path / "registry").mkdir()

    def make(text: str = GOOD) -> Path:
        path = tmp_path / "sekisho.yaml"
        path.write_text(text)
        return path

    return make


def problems(path: Path, environ: dict[str, str] | None = None) -> list[str]:
    """Every problem, with the file's folder taken off."""
    with pytest.raises(ConfigError) as caught:
        config_load.load(path, environ or {})
    return [problem.replace(f"{path.parent}/", "") for problem in caught.value.problems]


def test_a_good_file_becomes_a_configuration(write, tmp_path):
    config = config_load.load(write(), {})
    assert config.listeners.postgres[0].edges == ("127.0.0.1/32",)
    assert config.listeners.grpc is None
    assert config.issuers[0].keys == tmp_path / "keys" / "jwks.json"
    assert config.issuers[0].algorithms == ("ES256", "RS256", "EdDSA")
    assert config.datasources[0].profiles[1] == c.Profile(name="all", role="app_all")
    assert config.record.directory == tmp_path / "record"
    assert config.limits == c.Limits()
    assert config.policy == c.Policy()
    assert config.log_level == "info"


def test_paths_are_relative_to_the_folder_of_the_file_and_not_to_the_working_directory(write, tmp_path, monkeypatch):
    write()
    monkeypatch.chdir(tmp_path)
    assert config_load.load(Path("sekisho.yaml"), {}).registry.directory == tmp_path / "registry"


def test_every_problem_is_told_in_one_run_in_the_order_of_the_file(write):
    text = GOOD.replace("plaintext: loopback", "plaintex: loopback").replace("audience: sekisho", "audience: 7")
    text = text.replace("    twin: {role: twin}\n", "").replace(
        "record: {directory: record}", "limits: {sessions: many}"
    )
    assert problems(write(text)) == [
        "sekisho.yaml:1: record: missing",
        "sekisho.yaml:3: listeners.postgres[0].tls: missing, and plaintext is `never`: nobody could log in",
        "sekisho.yaml:4: listeners.postgres[0].plaintex: unknown key; did you mean `plaintext`?",
        "sekisho.yaml:9: issuers[0].audience: expected text, found a number; put it in quotes",
        "sekisho.yaml:12: datasources[0].twin: missing",
        "sekisho.yaml:20: limits.sessions: expected whole number, found text",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "sekisho.yaml:1: datasources: name at least one"),
        ("- 1\n", "sekisho.yaml:1: expected a section, found a list"),
        ("just text\n", "sekisho.yaml:1: expected a section, found text"),
        ("a: [\n", "sekisho.yaml:2: not YAML: "),
        ("---\na: 1\n---\nb: 2\n", "sekisho.yaml:3: not YAML: but found another document"),
        ("a: \x01\n", "sekisho.yaml:1: not YAML: a control character"),
        (GOOD + "log_level: info\nlog_level: debug\n", "sekisho.yaml:23: log_level: given twice, first in line 22"),
        (
            GOOD + "log_level: chatty\n",
            "sekisho.yaml:22: log_level: `chatty` is not one of debug, info, warning, error",
        ),
        (GOOD + "log_level: ''\n", "sekisho.yaml:22: log_level: must not be empty"),
        (GOOD + "log_level: on\n", "sekisho.yaml:22: log_level: expected text, found true or false; put it in quotes"),
        (GOOD + "log_level: !!python/object:os.system {}\n", "sekisho.yaml:22: log_level: expected text, found "),
        (GOOD + "limits: {sessions: 010}\n", "sekisho.yaml:22: limits.sessions: expected whole number"),
        (GOOD + "limits: {sessions: 0}\n", "sekisho.yaml:22: limits.sessions: 0 is out of range: 1 to 100000"),
        (GOOD + "limits: 7\n", "sekisho.yaml:22: limits: expected a section, found a number"),
        (GOOD + "? [a]\n: 1\n", "sekisho.yaml:22: ?: unknown key"),
        (
            GOOD.replace("[eng]", "eng"),
            "sekisho.yaml:18: datasources[0].profiles[0].groups: expected a list, found text",
        ),
        (GOOD.replace("[eng]", "[eng, 4]"), "sekisho.yaml:18: datasources[0].profiles[0].groups[1]: expected text"),
    ],
)
def test_a_mistake_is_told_with_its_place(write, text, problem):
    assert any(found.startswith(problem) for found in problems(write(text))), problems(write(text))


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    assert problems(tmp_path / "none.yaml") == ["none.yaml:1: cannot be read: No such file or directory"]
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    assert problems(tmp_path / "latin.yaml") == ["latin.yaml:2: not UTF-8"]
    (tmp_path / "deep.yaml").write_text("[" * 1500)
    assert problems(tmp_path / "deep.yaml") == ["deep.yaml:1: nested too deeply"]
    (tmp_path / "loop.yaml").write_text("listeners: &a\n  postgres: [*a]\n  http: *a\n")
    assert any("unknown key" in problem for problem in problems(tmp_path / "loop.yaml"))


def test_null_stands_for_an_optional_value_and_not_for_a_needed_one(write):
    assert config_load.load(write(GOOD + "policy: {directory: null}\n"), {}).policy.directory is None
    assert problems(write(GOOD.replace("database: messenger", "database:"))) == [
        "sekisho.yaml:12: datasources[0].database: missing"
    ]


def test_variables_set_scalars_and_win_over_the_file(write):
    environ = {
        "SEKISHO_LIMITS_SESSIONS": "5",
        "SEKISHO_LOG_LEVEL": "debug",
        "SEKISHO_LISTENERS_HTTP_ADDRESS": "127.0.0.1:9090",
        "SEKISHO_LISTENERS_GRPC_ADDRESS": "127.0.0.1:9091",
        "SEKISHO_RECORD_DIRECTORY": "elsewhere",
        "HOME": "/root",
    }
    config = config_load.load(write(), environ)
    assert (config.limits.sessions, config.log_level) == (5, "debug")
    assert config.listeners.http == c.HttpListener(address="127.0.0.1:9090")
    assert config.listeners.grpc == c.GrpcListener(address="127.0.0.1:9091")
    assert config.record.directory == write().parent / "elsewhere"


def test_a_wrong_variable_is_named(write):
    environ = {
        "SEKISHO_LIMITS_SESSION": "5",
        "SEKISHO_LIMITS_STATEMENTS": "many",
        "SEKISHO_LIMITS_TREE_BYTES": "1",
        "SEKISHO_WHATEVER": "1",
        "SEKISHO_DATASOURCES_ID": "1",
    }
    assert problems(write(), environ) == [
        "SEKISHO_DATASOURCES_ID: unknown variable; lists are set in the file only",
        "SEKISHO_LIMITS_SESSION: unknown variable; did you mean SEKISHO_LIMITS_SESSIONS?",
        "SEKISHO_WHATEVER: unknown variable; lists are set in the file only",
        "SEKISHO_LIMITS_STATEMENTS: limits.statements: expected whole number",
        "SEKISHO_LIMITS_TREE_BYTES: limits.tree_bytes: 1 is out of range: 65536 to 1073741824",
    ]


def test_what_kubernetes_sets_for_a_service_called_sekisho_is_not_taken_for_a_setting(write):
    environ = {
        "SEKISHO_SERVICE_HOST": "10.0.0.1",
        "SEKISHO_SERVICE_PORT": "5432",
        "SEKISHO_SERVICE_PORT_GRPC": "9090",
        "SEKISHO_PORT": "tcp://10.0.0.1:5432",
        "SEKISHO_PORT_5432_TCP": "tcp://10.0.0.1:5432",
        "SEKISHO_PORT_5432_TCP_ADDR": "10.0.0.1",
        "SEKISHO_INJECTOR_SERVICE_HOST": "10.0.0.2",
    }
    config_load.load(write(), environ)
    for setting in config_load.iter_settings():
        assert not config_load._SERVICE_LINK.fullmatch(config_load.variable(setting.name))


def test_no_two_settings_share_a_variable():
    names = [config_load.variable(s.name) for s in config_load.iter_settings() if "[]" not in s.name]
    assert len(names) == len(set(names))


def test_resolved_is_plain_and_reads_back_as_the_same_configuration(write, tmp_path):
    config = config_load.load(write(), {})
    plain = config_load.resolved(config)
    assert plain["log_level"] == "info"
    assert plain["issuers"][0]["keys"] == str(tmp_path / "keys" / "jwks.json")
    again = write(yaml.safe_dump(plain))
    assert config_load.load(again, {}) == config


def test_settings_are_all_there_with_type_default_and_help():
    settings = {setting.name: setting for setting in config_load.iter_settings()}
    assert settings["limits.sessions"].type == "whole number"
    assert settings["limits.sessions"].default == "1000"
    assert settings["datasources[]"].type == "list of sections"
    assert settings["datasources[].twin.role"].default == "required"
    assert settings["datasources[].twin.accept_logged_trees"].default == "false"
    assert settings["issuers[].algorithms"].default == "[ES256, RS256, EdDSA]"
    assert settings["policy"].default == "its defaults"
    assert settings["listeners.postgres[]"].default == "none"
    assert settings["listeners.postgres[].tls.key"].type == "path"
    assert all(setting.help for setting in settings.values())
    assert all(re.fullmatch(r"[a-z0-9_.\[\]]+", name) for name in settings)


def test_the_loader_knows_every_type_a_setting_may_have():
    plain = {str, int, bool, Path}
    for kind in vars(c).values():
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            for hint in typing.get_type_hints(kind).values():
                inner, _ = config_load._unwrap(hint)
                element = typing.get_args(inner)[0] if typing.get_origin(inner) is tuple else inner
                assert element in plain or dataclasses.is_dataclass(element)


def test_other_settings_are_read_by_the_same_rules(tmp_path: Path):
    file = tmp_path / "injector.yaml"
    file.write_text(
        "image: {repository: r/sekisho, tag: '1.0', pull_policy: Always}\n"
        "own_namespace: system\nconfig_map: files\nform: classic\nfs_group: null\nexcluded_namespaces: [a, b]\n"
    )
    settings = load_as(InjectorSettings, file)
    assert settings.image == Image(repository="r/sekisho", tag="1.0", pull_policy=PullPolicy.ALWAYS)
    assert (settings.form, settings.fs_group, settings.excluded_namespaces) == (Form.CLASSIC, None, ("a", "b"))
    file.write_text("image: {repository: r, tag: 1.0, pull_policy: 7}\nform: Native\nimages: 1\n")
    with pytest.raises(ConfigError) as caught:
        load_as(InjectorSettings, file)
    told = "\n".join(caught.value.problems)
    for problem in (
        "injector.yaml:1: image.tag: expected text, found a number with a fraction; put it in quotes",
        "injector.yaml:1: image.pull_policy: expected one of Always, IfNotPresent, Never",
        "injector.yaml:2: form: expected one of native, classic",
        "injector.yaml:3: images: unknown key; did you mean `image`?",
        "own_namespace: missing",
    ):
        assert problem in told


def test_a_closed_set_of_words_is_told_as_such():
    types = {setting.name: setting.type for setting in iter_settings(InjectorSettings)}
    assert types["form"] == "`native` or `classic`"
