"""The demo as a person runs it: the real command, PostgreSQL, gateway, driver and psql; every step of the story."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.sample import tables
from gateway.demo.serving import command
from gateway.demo.story import STORY, Denied

pytestmark = pytest.mark.integration

PLAIN = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
USER_7 = next(part for part in tables() if part.table == "users").rows[6]


@dataclass(frozen=True)
class Played:
    """One run of ``sekisho demo --once``."""

    code: int
    said: str
    directory: Path

    def step(self, number: int) -> str:
        """What was printed of one step, with blanks and line ends made equal."""
        found = re.search(rf"(?ms)^{number}\. .*?(?=^\d\. |^\d of \d steps)", self.said)
        assert found is not None, self.said
        return " ".join(found[0].split())

    def entries(self, kind: str) -> list[dict[str, Any]]:
        lines = [
            line
            for path in sorted((self.directory / "record").glob("*.jsonl"))
            for line in path.read_text().splitlines()
        ]
        return [entry for entry in map(json.loads, lines) if entry["kind"] == kind]

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """The record's decisions, in order."""
        return self.entries("decision")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    directory = tmp_path_factory.mktemp("demo") / "kept"
    done = subprocess.run(
        [*command(), "demo", "--once", "--directory", str(directory)],
        capture_output=True,
        text=True,
        env={**os.environ, **PLAIN},
        timeout=100,
    )
    return Played(code=done.returncode, said=done.stdout + done.stderr, directory=directory)


def test_all_of_it_comes_out_as_expected(played: Played):
    assert played.code == 0, played.said
    assert "8 of 8 steps came out as expected" in played.said
    assert "✘" not in played.said


def test_the_kill_switch_is_pulled_and_lifted(played: Played):
    said = " ".join(played.said.partition("2021-03-23: all of China is blocked")[2].split())
    for words in (
        "$ sekisho block CN --reason",
        "access is blocked (admin-1)",
        "✔ no session begins, whatever it would ask",
        "$ sekisho unblock admin-1",
        "✔ and begins again",
    ):
        assert words in said
    refused = [one for one in played.entries("event") if one["event"] == "login_refused"]
    assert {one["reason"] for one in refused} == {"principal_blocked"}


@pytest.mark.parametrize("number", range(1, len(STORY) + 1))
def test_each_step_comes_out_as_told(played: Played, number: int):
    said, step = played.step(number), STORY[number - 1]
    assert said.count("✔") == len(step.queries), said
    assert f"({step.who.subject}, " in said
    assert f"from {step.site}, " in said
    denied = [query for query in step.queries if isinstance(query.expect, Denied)]
    assert said.count("ERROR: access denied") == said.count("DETAIL: ") == said.count("HINT: ") == len(denied)


def test_tokyo_reads_a_user(played: Played):
    assert str(USER_7[1]) in played.step(1)
    assert str(USER_7[2]) in played.step(1)
    assert played.decisions[0]["effect"] == "allow"
    assert played.decisions[0]["location"]["countries"] == ["JP"]


def test_shanghai_reads_nothing_about_people_and_the_country_is_named(played: Played):
    for entry in played.decisions[1:5]:
        assert (entry["effect"], entry["reason"]) == ("deny", "policy_denied")
        assert entry["principal"]["subject"] == "li"
        assert entry["location"]["countries"] == ["CN"]
    assert re.search(r"\b(China|CN)\b", played.step(2))
    assert str(USER_7[2]) not in played.step(2)


def test_the_session_survives_its_denials(played: Played):
    after = played.decisions[5]
    assert (after["effect"], after["principal"]["subject"]) == ("allow", "li")
    assert after["session"] == played.decisions[1]["session"]


def test_a_japanese_vpn_exit_does_not_help_because_of_the_employer(played: Played):
    entry = played.decisions[6]
    assert entry["effect"] == "deny"
    assert entry["location"]["countries"] == []
    assert any(finding["fact"].startswith("employer.") for finding in entry["findings"])
    assert "employ" in played.step(3)


def test_dalian_is_denied_at_hop_2(played: Played):
    entry = played.decisions[7]
    assert entry["effect"] == "deny"
    assert [(hop["hop"], hop["entity"]) for hop in entry["employer"]["chain"]] == [
        (0, "line-jp"),
        (1, "jp-monitor"),
        (2, "dalian-monitor"),
    ]
    assert any(finding["fact"].startswith("employer.chain[2]") for finding in entry["findings"])


def test_fukuoka_sees_the_image_and_it_is_recorded(played: Played):
    entry = played.decisions[8]
    assert (entry["effect"], entry["principal"]["subject"]) == ("allow", "tanaka")
    assert "\\x89504e47" in played.step(5)


def test_shanghai_counts_what_is_about_nobody(played: Played):
    entry = played.decisions[9]
    assert (entry["effect"], entry["data"]["about_people"]) == ("allow", False)


def test_korea_reads_payments_across_the_border(played: Played):
    entry = played.decisions[10]
    assert (entry["effect"], entry["cross_border"]) == ("allow", True)
    assert entry["location"]["countries"] == ["KR"]
    assert entry["principal"]["subject"] == "kim"


def test_korea_is_told_which_columns_remain(played: Played):
    entry = played.decisions[11]
    assert (entry["effect"], entry["principal"]["subject"]) == ("deny", "kim")
    assert "Without public.users.name it would be allowed; columns that remain: public.users.id." in played.step(7)


def test_a_trip_masks_contact_data(played: Played):
    entry = played.decisions[12]
    assert (entry["effect"], entry["cross_border"]) == ("allow", True)
    assert [(one["column"], one["method"]) for one in entry["obligations"]] == [
        ("email", "domain"),
        ("phone", "partial"),
    ]
    assert str(USER_7[1]) in played.step(8)
    for value in USER_7[2:4]:
        assert str(value) not in played.step(8)
    assert "***" + str(USER_7[2])[-4:] in played.step(8)


def test_there_is_one_decision_for_each_query(played: Played):
    assert len(played.decisions) == sum(len(step.queries) for step in STORY)


def test_the_record_holds_no_value_of_people_and_no_token(played: Played):
    record = "".join(path.read_text() for path in (played.directory / "record").glob("*.jsonl"))
    for value in (*USER_7[1:4], (played.directory / "tokens" / "li").read_text()):
        assert str(value) not in record


def test_the_servers_log_holds_no_analysed_tree(played: Played):
    log = (played.directory / "database" / "postgres.log").read_text()
    assert "parse tree" not in log


def test_the_record_verifies_and_a_changed_line_does_not(played: Played, tmp_path: Path):
    record = played.directory / "record"
    verify = [*command(), "audit", "verify"]
    assert subprocess.run([*verify, str(record)], capture_output=True).returncode == 0
    for path in record.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes().replace(b'"subject":"li"', b'"subject":"ly"', 1))
    assert subprocess.run([*verify, str(tmp_path)], capture_output=True).returncode == 1


def test_a_folder_in_use_is_refused(played: Played):
    again = [*command(), "demo", "--once", "--directory", str(played.directory)]
    done = subprocess.run(again, capture_output=True, text=True, env={**os.environ, **PLAIN})
    assert done.returncode == 2
    assert "is not empty" in " ".join(done.stdout.split())


class Staying:
    """``sekisho demo`` without ``--once``, read until it stays."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [*command(), "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **PLAIN}
        )
        self.said = ""
        assert self.process.stdout is not None
        deadline = time.monotonic() + 90
        while "Ctrl-C ends it." not in self.said:
            ready, _, _ = select.select([self.process.stdout], [], [], deadline - time.monotonic())
            chunk = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert chunk, self.said
            self.said += chunk.decode()

    def psql(self, who: str, site: str, sql: str) -> subprocess.CompletedProcess[str]:
        """Run the command that was printed for this person and place."""
        found = re.search(rf"(?m)^{who} at {site}\n\s*(PGPASSWORD=.*)$", self.said)
        assert found is not None, self.said
        line = f'{found[1]} -X -A -t -v VERBOSITY=verbose -c "$SQL"'
        return subprocess.run(
            ["sh", "-c", line], capture_output=True, text=True, env={**os.environ, "SQL": sql}, timeout=30
        )

    def field(self, name: str) -> str:
        found = re.search(rf"(?m)^{name} +(\S.*)$", self.said)
        assert found is not None, self.said
        return found[1]

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=40)
        self.said += output.decode()
        return self.process.returncode


@pytest.fixture(scope="module")
def staying() -> Iterator[Staying]:
    staying = Staying()
    try:
        yield staying
    finally:
        if staying.process.poll() is None:
            staying.end(signal.SIGTERM)


def test_the_printed_psql_commands_work(staying: Staying):
    read = staying.psql("sato", "tokyo-hq", "SELECT phone FROM users WHERE id = 7")
    assert (read.returncode, read.stdout.strip()) == (0, USER_7[2]), read.stderr
    counted = staying.psql("li", "shanghai-office", "SELECT count(*) FROM stickers")
    assert (counted.returncode, counted.stdout.strip()) == (0, "12"), counted.stderr


@pytest.mark.parametrize("site", ["shanghai-office", "tokyo-vpn"])
def test_the_printed_psql_commands_are_denied_where_the_story_is(staying: Staying, site: str):
    denied = staying.psql("li", site, "SELECT phone FROM users WHERE id = 7")
    assert denied.returncode != 0
    assert "42501: access denied" in denied.stderr
    assert "DETAIL:" in denied.stderr
    assert str(USER_7[2]) not in denied.stdout + denied.stderr


def test_another_persons_name_with_ones_own_token_is_refused(staying: Staying):
    found = re.search(r"(?m)^li at shanghai-office\n\s*(PGPASSWORD=.*)$", staying.said)
    assert found is not None
    line = found[1].replace("user=li", "user=sato") + " -c 'SELECT 1'"
    refused = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=30)
    assert refused.returncode != 0
    assert "user_mismatch" in refused.stderr


def test_the_metrics_are_where_it_says(staying: Staying):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(staying.field("metrics"), timeout=10) as answer:
        text = answer.read().decode()
    assert re.search(r"(?m)^sekisho_decisions_total\{.*effect=\"deny\".*\} [1-9]", text)


def test_ctrl_c_ends_it_and_leaves_nothing(staying: Staying):
    config = Path(staying.field("config"))
    socket_folder = re.search(r"(?m)host: (/\S+)", config.read_text())
    assert socket_folder is not None
    assert staying.end(signal.SIGINT) == 0, staying.said
    assert not config.parent.exists()
    assert not Path(socket_folder[1]).exists()
