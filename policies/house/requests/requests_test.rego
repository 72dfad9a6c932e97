package house.requests_test

import data.house.requests
import data.sekisho
import data.sekisho.fixtures_test as fx

_request := {
	"authority_country": "JP",
	"legal_basis": "warrant",
	"category": "threat",
	"subjects": 1,
	"channel": "direct",
	"reviewed": true,
}

_all := {
	"house-request-channel",
	"house-request-reviewed",
	"house-request-category",
	"house-request-scope",
	"house-request-warrant",
	"house-request-encrypted",
}

_asked(change) := fx.set(fx.messages, {"/request": object.union(_request, change)})

_facts(document) := facts if {
	facts := {[f.rule, f.fact] | some f in requests.findings} with input as document
}

test_all_pass_without_a_request if requests.passed == _all with input as fx.messages

test_all_pass_a_proper_one if {
	requests.passed == _all with input as _asked({})
	_facts(_asked({})) == set()
}

test_request_channel_denies_another_country if {
	_facts(_asked({"authority_country": "KR"})) == {["house-request-channel", "request.channel"]}
	_facts(_asked({"authority_country": "KR", "channel": "icpo"})) == set()
	_facts(_asked({"authority_country": "CN", "channel": "icpo"})) == {["house-request-channel", "request.channel"]}
	homeless := fx.set(_asked({}), {"/datasource/controller/country": null})
	_facts(homeless) == {["house-request-channel", "request.channel"]}
}

test_request_reviewed_denies_before_the_review if {
	_facts(_asked({"reviewed": false})) == {["house-request-reviewed", "request.reviewed"]}
}

test_request_category_denies_others if {
	_facts(_asked({"category": "copyright"})) == {["house-request-category", "request.category"]}
}

test_request_scope_denies_many_and_nobody_knows_how_many if {
	every subjects in [null, 0, 11] {
		_facts(_asked({"subjects": subjects})) == {["house-request-scope", "request.subjects"]}
	}
}

test_request_warrant_denies_messages_without_one if {
	_facts(_asked({"legal_basis": "emergency"})) == {["house-request-warrant", "request.legal_basis"]}
	other := fx.set(fx.reader, {"/request": object.union(_request, {"legal_basis": "emergency"})})
	_facts(other) == set()
	nobody := fx.set(fx.nobody, {"/request": object.union(_request, {"legal_basis": "emergency"})})
	_facts(nobody) == set()
	wide := fx.set(other, {"/data/data_types": ["user"]})
	_facts(wide) == {["house-request-warrant", "request.legal_basis"]}
}

test_request_encrypted_denies_what_nobody_can_read if {
	encrypted := fx.set(_asked({}), {"/data/data_types": ["user.content.private.end_to_end_encrypted"]})
	_facts(encrypted) == {["house-request-encrypted", "data.data_types"]}
}

test_requests_denied_without_a_field if {
	every field in object.keys(_request) {
		sekisho.decision.effect == "deny" with input as fx.without(_asked({}), concat("/", ["request", field]))
	}
}
