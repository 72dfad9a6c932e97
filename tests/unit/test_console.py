"""How problems are told to a person: a line for each, exit code 2, never a stack trace."""

from __future__ import annotations

import pytest

from gateway.console import CANNOT, NO, counting, load_config, reporting_problems
from gateway.errors import ConfigError, Reason, SekishoError


def run(command) -> int:
    with pytest.raises(SystemExit) as caught:
        reporting_problems(command)()
    code = caught.value.code
    assert isinstance(code, int)
    return code


def test_what_a_command_gives_is_the_exit_code():
    assert run(lambda: NO) == NO


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (ConfigError(["one", "two"]), ["error: one", "error: two"]),
        (SekishoError(Reason.TWIN_UNAVAILABLE, "the twin is down"), ["error: the twin is down"]),
        (FileNotFoundError(2, "No such file", "x.yaml"), ["error: x.yaml: No such file"]),
    ],
    ids=["configuration", "ours", "the system's"],
)
def test_every_problem_has_its_line(capsys, error, lines):
    def command() -> int:
        raise error

    assert run(command) == CANNOT
    assert capsys.readouterr().err.splitlines() == lines


def test_the_variable_that_names_the_file_is_no_setting(tmp_path, monkeypatch):
    monkeypatch.setenv("SEKISHO_CONFIG", "elsewhere.yaml")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "none.yaml")
    assert not any("SEKISHO_CONFIG" in problem for problem in caught.value.problems)


def test_progress_is_for_long_records_on_a_terminal(tmp_path, monkeypatch, capsys):
    (tmp_path / "gw.00000000.jsonl").write_bytes(b"x" * 100)
    with counting(tmp_path) as progress:
        assert progress is None
    monkeypatch.setattr("gateway.console._LONG", 50)
    with counting(tmp_path) as progress:
        assert progress is None, "nobody looks"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with counting(tmp_path / "nothing") as progress:
        assert progress is None
    with counting(tmp_path) as progress:
        assert progress is not None
        progress(40)
        progress(60)
