package house.record_readers_test

import data.house.record_readers
import data.sekisho
import data.sekisho.fixtures_test as fx

_issuer := "https://id.line.example"

_own := [{"issuer": _issuer, "groups": ["privacy"], "what": ["decisions", "whois"], "entities": "own"}]

_asks(changes) := fx.set(fx.privacy, changes)

_effect(document, readers) := effect if {
	effect := sekisho.decision.effect with input as document
		with data.house.record_readers.readers as readers
}

test_readers_as_shipped_are_whoever_owns_the_record if {
	"house-record-readers" in record_readers.passed with input as fx.operator
	sekisho.decision.effect == "allow" with input as fx.operator
	sekisho.decision.effect == "deny" with input as fx.set(fx.operator, {"/principal/groups": ["wheel"]})
	sekisho.decision.effect == "deny" with input as fx.set(fx.operator, {"/principal/issuer": _issuer})
	sekisho.decision.effect == "deny" with input as fx.privacy
}

test_readers_of_their_own_entity_read_about_it_and_no_other if {
	_effect(fx.privacy, _own) == "allow"
	every entity in ["line-cn", null] {
		_effect(_asks({"/reading/entity": entity}), _own) == "deny"
	}
}

test_readers_named_for_entities_read_about_those if {
	listed := [object.union(_own[0], {"entities": ["line-jp", "line-cn"]})]
	_effect(_asks({"/reading/entity": "line-cn"}), listed) == "allow"
	every entity in ["dalian-monitor", null] {
		_effect(_asks({"/reading/entity": entity}), listed) == "deny"
	}
}

test_auditors_read_about_everybody if {
	everybody := [object.union(_own[0], {"entities": "all"})]
	_effect(_asks({"/reading/entity": null}), everybody) == "allow"
	_effect(_asks({"/reading/what": "config"}), everybody) == "deny"
}

test_readers_are_named_with_their_issuer if {
	anybody := [object.remove(_own[0], ["issuer"])]
	_effect(fx.privacy, anybody) == "deny"
	_effect(fx.privacy, [object.union(_own[0], {"issuer": "https://id.other.example"})]) == "deny"
}

test_readers_may_be_named_by_the_registrys_groups if {
	_effect(_asks({"/principal/groups": [], "/employer/groups": ["privacy"]}), _own) == "allow"
	_effect(_asks({"/principal/groups": [], "/employer/groups": []}), _own) == "deny"
}

test_readers_whose_employer_is_not_attested_have_none_of_their_own if {
	every change in [{"/employer/confidence": "declared"}, {"/employer/conflict": true}, {"/employer/known": false}] {
		_effect(_asks(change), _own) == "deny"
	}
}

test_readers_who_are_blocked_read_nothing if {
	blocked := _asks({"/employer/blocked": true, "/employer/blocked_by": "b-1"})
	_effect(blocked, _own) == "deny"
	facts := {f.fact | some f in record_readers.findings} with input as blocked
		with data.house.record_readers.readers as _own
	facts == {"employer.blocked_by"}
}

test_readers_of_themselves_may_ask_why if {
	of_self := _asks({"/reading/what": "explain", "/reading/principal": fx.privacy.principal.id})
	_effect(of_self, []) == "allow"
	_effect(fx.set(of_self, {"/reading/principal": "https://id.line.example#li"}), []) == "deny"
	_effect(fx.set(of_self, {"/reading/principal": null}), []) == "deny"
	_effect(fx.set(of_self, {"/reading/what": "decisions"}), []) == "deny"
	_effect(fx.set(of_self, {"/principal/asserted_by": "portal"}), []) == "deny"
	_effect(fx.set(of_self, {"/employer/blocked": true, "/employer/blocked_by": "b-1"}), []) == "deny"
}

test_readers_are_nobody_on_a_callers_word if {
	asserted := object.union(fx.privacy, {
		"principal": object.union(fx.privacy.principal, {"asserted_by": "portal"}),
		"caller": {
			"id": "portal",
			"identity": "certificate",
			"asserts": ["principal"],
			"expires_at": "2026-11-21T04:00:00Z",
		},
	})
	decision := sekisho.decision with input as asserted with data.house.record_readers.readers as _own
	decision.effect == "deny"
	{f.fact | some f in decision.findings} == {"principal.asserted_by"}
	_effect(fx.without(asserted, "principal/asserted_by"), _own) == "deny"
}

test_readers_are_told_what_failed if {
	{f.fact | some f in record_readers.findings} == {"principal.groups"} with input as fx.privacy
	{f.message | some f in record_readers.findings} == {concat(" ", [
		"this person is named for reading the record (decisions), but not about",
		"people of line-cn",
	])} with input as _asks({"/reading/entity": "line-cn"})
		with data.house.record_readers.readers as _own
	{f.value | some f in record_readers.findings} == {null} with input as _asks({"/reading/entity": null})
		with data.house.record_readers.readers as _own
}

test_readers_denied_without_what_it_needs if {
	every path in [
		"principal/issuer", "principal/groups", "employer/groups", "employer/entity", "employer/known",
		"employer/blocked", "employer/blocked_by", "employer/conflict", "employer/confidence", "reading",
		"reading/what", "reading/entity", "reading/principal", "reading/since", "reading/until",
	] {
		_effect(fx.without(fx.privacy, path), _own) == "deny"
	}
}

test_reading_is_asked_about_by_no_other_rule if {
	{f.rule | some f in sekisho.decision.findings} == {"house-record-readers"} with input as fx.privacy
}

test_statement_is_no_reading_whatever_it_says if {
	every change in [{"/action": "audit.read"}, {"/action": "audit.read", "/reading": fx.privacy.reading}] {
		sekisho.decision.effect == "deny" with input as fx.set(fx.reader, change)
		sekisho.decision.effect == "deny" with input as fx.set(fx.operator, {"/statement": fx.reader.statement})
	}
	every section in ["datasource", "data", "volume", "profile", "disclosures"] {
		mixed := fx.set(fx.operator, {sprintf("/%s", [section]): fx.reader[section]})
		sekisho.decision.effect == "deny" with input as mixed
	}
}

test_statement_with_a_reading_is_none_either if {
	sekisho.decision.effect == "deny" with input as fx.set(fx.nobody, {"/reading": fx.operator.reading})
}

test_action_that_nobody_knows_is_denied if {
	every action in ["audit.write", "", null, "Statement"] {
		sekisho.decision.effect == "deny" with input as fx.set(fx.nobody, {"/action": action})
		sekisho.decision.effect == "deny" with input as fx.set(fx.operator, {"/action": action})
	}
}
