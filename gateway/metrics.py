"""Every metric, in one class. Labels come from closed sets only, and every series is there at zero from the start.

No label holds a person, a table, an SQL text or a name a client chose. Rule ids, datasources and the codes of
incomplete statements are closed too: they are passed in at construction, and one that was not counts as ``other``. The
children of the hot path are resolved once, as looking one up costs more than counting; those of every statement are
`gateway.tallies`, those of each database `gateway.datasource_metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.border_metrics import BorderMetrics
from gateway.counts import Endings, Repetitions
from gateway.datasource_metrics import DatasourceMetrics
from gateway.errors import ANSWERS, Reason
from gateway.metric_labels import AdminCall as AdminCall
from gateway.metric_labels import AnswerSource as AnswerSource
from gateway.metric_labels import CancelResult as CancelResult
from gateway.metric_labels import CertificateUse as CertificateUse
from gateway.metric_labels import Dataset as Dataset
from gateway.metric_labels import LoginMethod as LoginMethod
from gateway.metric_labels import Stage as Stage
from gateway.model import Door, Durability, Effect, Finding, Layer, Mode, Verdict
from gateway.record_metrics import RecordMetrics
from gateway.sink_metrics import SinkMetrics
from gateway.tallies import BUCKETS, OTHER, Tallies, Timings, Together
from gateway.trace_metrics import TraceMetrics

NONE: Final = "none"
# Reasons of policy itself are told with the rule; all others have no rule and no layer.
_WITH_RULE: Final = frozenset({Reason.POLICY_DENIED})
# Why the policy engine gave no answer.
_ENGINE: Final = tuple(reason for reason in Reason if reason.startswith("engine_"))
# SQLSTATEs that end a login.
_LOGIN_STATES: Final = frozenset(
    {"00000", "28000", "28P01", "3D000", "0A000", "54000", "08006", "57P01", "58000", "58030", "53300"}
)


class RuleLike(Protocol):
    """What is counted of a rule."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def layer(self) -> Layer:
        """Whose word it is."""
        ...

    @property
    def undisclosed(self) -> bool:
        """Whether it speaks where users were not told of a country."""
        ...


class Metrics:
    """All counters, gauges and histograms of one process, in one registry."""

    # Counted by the supervisor of several workers, who is there when one ends.
    RESTARTS: Final = "sekisho_worker_restarts"

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        rules: Mapping[str, Layer],
        datasources: Iterable[str],
        incomplete_codes: Iterable[str],
        version: str,
        issuers: Iterable[str] = (),
        anchors: Iterable[str] = (),
        sinks: Iterable[str] = (),
        countries: Iterable[str] = (),
    ) -> None:
        """``rules``: every rule id of the policy loaded, with its layer; ``countries``: see `BorderMetrics`."""
        self.registry = registry
        self.together: dict[str, Together] = {}  # of each gauge
        self._rules = dict(rules)
        self._incomplete_codes = frozenset(incomplete_codes)
        self._revision: str | None = None

        def counter(name: str, help: str, *labels: str) -> Counter:
            return Counter(f"sekisho_{name}", help, labels, registry=registry)

        def tallies(name: str, help: str, *labels: str) -> Tallies:
            return Tallies(f"sekisho_{name}", help, labels, registry=registry)

        def gauge(name: str, together: Together, help: str, *labels: str) -> Gauge:
            self.together[f"sekisho_{name}"] = together
            return Gauge(f"sekisho_{name}", help, labels, registry=registry)

        decisions = tallies(
            "decisions",
            "Decisions; mode `shadow`: only a shadow rule spoke; source: rules asked, an answer `reused`, or `none`.",
            "door",
            "effect",
            "mode",
            "source",
        )
        self._denials = counter(
            "denials", "Denials, once for each rule that denied.", "door", "layer", "rule", "reason"
        )
        duration = Timings(
            "sekisho_decision_duration_seconds",
            "Time of a decision, in all and by stage.",
            ("door", "stage"),
            registry=registry,
            bounds=BUCKETS,
        )
        wait = Timings(
            "sekisho_record_wait_seconds",
            "Time until an entry of the record was as durable as asked.",
            ("durability",),
            registry=registry,
            bounds=BUCKETS,
        )
        sessions = gauge("sessions", Together.SUM, "Sessions open now.", "door")
        cancels = counter(
            "cancel_requests",
            "Cancel requests, by what became of them; `elsewhere`: told to the worker whose it is, and counted there.",
            "result",
        )
        admin_calls = counter("admin_calls", "Calls of the admin port: `ok`, or `refused` unheard.", "call", "result")
        self._guesses = counter(
            "logins_delayed", "Logins that waited, or were refused unasked, because passwords before them were wrong."
        )
        closed = counter(
            "sessions_closed", "Sessions of the postgres door that ended, by why; `none`: they left.", "reason"
        )
        self._logins = counter("logins", "Logins by method; the result is `allowed` or a reason.", "method", "result")
        self._suppressed = counter("refusals_suppressed", "Refused logins that were counted, not recorded one by one.")
        entries = tallies("record_entries", "Entries of the record, by what they had survived.", "durability")
        failures = counter("engine_failures", "Questions the policy engine gave no usable answer to, by why.", "reason")
        self._engine_up = gauge(
            "engine_up",
            Together.LEAST,
            "Whether the policy engine gave an answer when it was last asked (1), or could not be asked (0).",
        )
        self._volume_up = gauge(
            "volume_up",
            Together.LEAST,
            "Whether the store of counts of people answered when it was last asked (1), or did not (0).",
        )
        self._volume_up.set(1)
        self._volume_failures = counter("volume_failures", "Questions that the store of counts gave no answer to.")
        self.datasources = DatasourceMetrics(gauge, registry, datasources)
        self.border = BorderMetrics(gauge, registry, countries)
        self.record = RecordMetrics(gauge, registry, anchors)
        self.sinks = SinkMetrics(gauge, registry, sinks)
        self.traces = TraceMetrics(registry)
        self._delayed = counter("unknown_delayed", "Unknown statements delayed or refused for their principal's rate.")
        keys_known = gauge(
            "issuer_keys_known",
            Together.LEAST,
            "Whether keys of the issuer are known (1), or none may be used (0).",
            "issuer",
        )
        fetches = counter("issuer_key_fetches", "Fetches of an issuer's keys: `ok` or `failed`.", "issuer", "result")
        reloads = counter(
            "certificate_reloads",
            "Certificates read again because their files changed: `ok`, or `refused` while the old ones stay.",
            "use",
            "result",
        )
        data_age = gauge("data_age_seconds", Together.MOST, "Age of what is in force; 0: nothing.", "dataset")
        refused = gauge("data_refused_seconds", Together.MOST, "How long newer is refused; 0: not.", "dataset")
        self._edited = gauge("registry_edited", Together.MOST, "Whether the registry is taken as it is edited (1).")
        self._policy_info = gauge(
            "policy_info", Together.MOST, "1, for the revision of policy and registry in force.", "revision"
        )
        build_info = gauge("build_info", Together.MOST, "1, for the version that runs.", "version")
        shadow = gauge("shadow_mode", Together.MOST, "Whether a rule only counts (1) or acts (0).", "rule")
        incomplete = counter("statements_incomplete", "Statements not understood completely, by why.", "reason")
        completions = tallies("completions", "Statements that ended at the server.", "door", "result")
        rows = tallies("rows", "Rows that went through.", "door")
        self._serving = gauge("workers", Together.SUM, "Processes of this gateway whose doors are open.")
        Counter(self.RESTARTS, "Workers that ended by themselves and were started again.", registry=registry)

        self._decisions = {
            (door, effect, mode, source): decisions.labels(door, effect, mode, source)
            for door in Door
            for effect in Effect
            for mode in Mode
            for source in AnswerSource
        }
        self._waits = {durability: wait.labels(durability) for durability in Durability}
        self._durations = {(door, stage): duration.labels(door, stage) for door in Door for stage in Stage}
        self._totals = {door: self._durations[door, Stage.TOTAL] for door in Door}
        self._cancels = {result: cancels.labels(result) for result in CancelResult}
        self._admin_calls = {
            (call, ok): admin_calls.labels(call, "ok" if ok else "refused")
            for call in AdminCall
            for ok in (True, False)
        }
        self._closed = {reason: closed.labels(reason or NONE) for reason in (None, *Reason)}
        self._sessions = {door: sessions.labels(door) for door in Door}
        self._entries = {durability: entries.labels(durability) for durability in Durability}
        self._engine_failures = {reason: failures.labels(reason) for reason in _ENGINE}
        issuers = tuple(issuers)
        self._keys_known = {name: keys_known.labels(name) for name in issuers}
        self._fetches = {
            (name, ok): fetches.labels(name, "ok" if ok else "failed") for name in issuers for ok in (True, False)
        }
        self._reloads = {
            (use, ok): reloads.labels(use, "ok" if ok else "refused") for use in CertificateUse for ok in (True, False)
        }
        self._ages = {dataset: (data_age.labels(dataset), refused.labels(dataset)) for dataset in Dataset}
        self._shadow_gauge = shadow
        self._shadow = {rule: shadow.labels(rule) for rule in self._rules}
        self._incomplete = {code: incomplete.labels(code) for code in (*sorted(self._incomplete_codes), OTHER)}
        self._completions = {
            (door, ok): completions.labels(door, "ok" if ok else "error") for door in Door for ok in (True, False)
        }
        self._rows = {door: rows.labels(door) for door in Door}
        build_info.labels(version).set(1)
        for door in Door:
            for rule, layer in self._rules.items():
                self._denials.labels(door, layer, rule, Reason.POLICY_DENIED)
            for reason in Reason:
                if reason not in _WITH_RULE and reason is not Reason.ALLOWED:
                    self._denials.labels(door, NONE, NONE, reason)
        for method in LoginMethod:
            for reason, answer in ANSWERS.items():
                if answer.sqlstate in _LOGIN_STATES:
                    self._logins.labels(method, reason)

    # ------------------------------------------------------------------------------------------ decisions

    def decided(
        self, door: Door, verdict: Verdict, seconds: float, *, source: AnswerSource = AnswerSource.RULES, id: str = ""
    ) -> None:
        """One decision, made or reused; counts the denial too, once for each rule that denied. ``id`` stands beside
        the time it took, for who looks for an example."""
        findings = verdict.findings
        if not findings and verdict.effect is Effect.ALLOW:
            self._decisions[door, Effect.ALLOW, Mode.ENFORCE, source].inc()
        else:
            self._found(door, verdict, source)
        self._totals[door].observe(seconds, example=id)

    def repetitions(self, door: Door, durability: Durability) -> Repetitions:
        """What counts further executions under decisions that stand, recorded like this."""
        return Repetitions(
            (self._decisions[door, Effect.ALLOW, Mode.ENFORCE, AnswerSource.REUSED], self._entries[durability]),
            (self._durations[door, Stage.RECORD], self._totals[door], self._waits[durability]),
        )

    def _found(self, door: Door, verdict: Verdict, source: AnswerSource) -> None:
        # Allowed although a rule spoke: only because that rule is in shadow mode.
        shadow = verdict.effect is Effect.ALLOW and any(finding.mode is Mode.SHADOW for finding in verdict.findings)
        self._decisions[door, verdict.effect, Mode.SHADOW if shadow else Mode.ENFORCE, source].inc()
        if verdict.effect is Effect.DENY:
            acting = [finding for finding in verdict.findings if finding.mode is Mode.ENFORCE]
            for finding in acting:
                self._denied_by(door, finding)
            if not acting:
                self.denied(door, verdict.reason)

    def _denied_by(self, door: Door, finding: Finding) -> None:
        known = finding.rule in self._rules
        rule = finding.rule if known else OTHER
        self._denials.labels(door, finding.layer, rule, finding.reason).inc()

    def denied(self, door: Door, reason: Reason) -> None:
        """A denial no rule made: we could not understand, decide or record."""
        self._denials.labels(door, NONE, NONE, reason).inc()

    def took(self, door: Door, stage: Stage, seconds: float) -> None:
        """Time of one stage."""
        self._durations[door, stage].observe(seconds)

    def engine_failed(self, reason: Reason) -> None:
        """The policy engine gave no usable answer."""
        if reason is Reason.ENGINE_UNAVAILABLE:
            self._engine_up.set(0)
        self._engine_failures[reason if reason in _ENGINE else Reason.ENGINE_UNAVAILABLE].inc()

    def engine(self, *, up: bool) -> None:
        """Whether the policy engine answers."""
        self._engine_up.set(1 if up else 0)

    def volume(self, *, up: bool) -> None:
        """The store of counts answered, or did not."""
        self._volume_up.set(1 if up else 0)
        if not up:
            self._volume_failures.inc()

    def incomplete(self, code: str) -> None:
        """A statement was not understood completely."""
        self._incomplete[code if code in self._incomplete_codes else OTHER].inc()

    # ------------------------------------------------------------------------------------------- sessions

    def session_opened(self, door: Door) -> None:
        """A session began."""
        self._sessions[door].inc()

    def session_closed(self, door: Door, reason: Reason | None = None) -> None:
        """A session ended; None: the client wanted it so."""
        self._sessions[door].dec()
        self._closed[reason].inc()

    def login(self, method: LoginMethod, result: Reason) -> None:
        """Somebody was let in (``Reason.ALLOWED``) or refused."""
        self._logins.labels(method, result).inc()

    def admin_called(self, call: AdminCall, *, ok: bool) -> None:
        """Somebody knocked at the admin port."""
        self._admin_calls[call, ok].inc()

    def cancel_asked(self, result: CancelResult) -> None:
        """A cancel request came in."""
        self._cancels[result].inc()

    def login_delayed(self) -> None:
        """Somebody who may be guessing passwords has to wait."""
        self._guesses.inc()

    def refusal_suppressed(self) -> None:
        """A refused login was counted only: there were too many."""
        self._suppressed.inc()

    def completed(self, door: Door, *, ok: bool, rows: int) -> None:
        """An allowed statement ended at the server."""
        self._completions[door, ok].inc()
        self._rows[door].inc(rows)

    def endings(self, door: Door) -> Endings:
        """What counts allowed statements that ended at the server without an error."""
        return Endings(self._completions[door, True], self._rows[door])

    # ---------------------------------------------------------------------------------- record and state

    def recorded(self, durability: Durability, seconds: float) -> None:
        """An entry of the record is as durable as asked, after so long."""
        self._entries[durability].inc()
        self._waits[durability].observe(seconds)

    def issuer_keys(self, issuer: str, *, known: bool) -> None:
        """Whether tokens of an issuer can be verified. Issuers are configured; another is a mistake of ours."""
        self._keys_known[issuer].set(1 if known else 0)

    def keys_fetched(self, issuer: str, *, ok: bool) -> None:
        """An issuer was asked for its keys."""
        self._fetches[issuer, ok].inc()

    def certificates_reloaded(self, use: CertificateUse, ok: bool) -> None:
        """Files of certificates changed: they were taken, or refused."""
        self._reloads[use, ok].inc()

    def keep_age(self, dataset: Dataset, age: Callable[[], float], refused: Callable[[], float]) -> None:
        """Ask these whenever somebody asks for metrics."""
        for gauge, seconds in zip(self._ages[dataset], (age, refused), strict=True):
            gauge.set_function(seconds)

    def registry_edited(self) -> None:
        """The registry's folder is taken as it lies there."""
        self._edited.set(1)

    def delayed(self) -> None:
        """An unknown statement had to wait, or was refused, because its principal has asked for so many."""
        self._delayed.inc()

    def doors_opened(self) -> None:
        """This process serves."""
        self._serving.set(1)

    def rules_loaded(self, rules: Iterable[RuleLike]) -> None:
        """Rules other than those at the start may be in force: their series are there from now on."""
        told_by: list[str] = []
        for rule in rules:
            if rule.id not in self._rules:
                self._rules[rule.id] = rule.layer
                self._shadow[rule.id] = self._shadow_gauge.labels(rule.id)
                for door in Door:
                    self._denials.labels(door, rule.layer, rule.id, Reason.POLICY_DENIED)
            if rule.undisclosed:
                told_by.append(rule.id)
        self.border.rules_loaded(told_by)

    def policy_loaded(self, revision: str, shadow_rules: Iterable[str]) -> None:
        """The revision in force changed; exactly one is shown at a time."""
        if self._revision not in (None, revision):
            self._policy_info.remove(self._revision)
        self._policy_info.labels(revision).set(1)
        self._revision = revision
        shadows = frozenset(shadow_rules)
        for rule, child in self._shadow.items():
            child.set(1 if rule in shadows else 0)
