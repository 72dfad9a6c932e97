package law.cn_pipl_test

import data.law.cn_pipl
import data.sekisho
import data.sekisho.fixtures_test as fx

# The Korean affiliate reads payments of a controller in CN.
_reader := fx.set(fx.korean, {
	"/datasource/controller/country": "CN",
	"/data/subject_countries": ["CN"],
	"/data/storage_countries": ["CN"],
})

_agreement(kind, scheme) := {
	"id": "a",
	"kind": kind,
	"entity": "line-plus",
	"last_check_age_days": 10,
	"foreign_law_risk": "none",
	"data_types": [],
	"scheme": scheme,
	"tia_age_days": null,
	"tia_outcome": null,
	"onward_ban": false,
	"access_control": null,
}

_consent := {
	"notice": "n",
	"subject_country": "CN",
	"status": "given",
	"separate": true,
	"informed": ["inadequate"],
	"row_filter": null,
}

_entry(country, accepted) := {
	"regime": "cn",
	"country": country,
	"accepted": accepted,
	"scope": "",
	"excluded_data_types": [],
	"citation": "registry",
}

_passed(document) := passed if {
	passed := cn_pipl.passed with input as document
}

_facts(document) := facts if {
	facts := {[f.rule, f.fact] | some f in cn_pipl.findings} with input as document
}

test_all_pass_nobody_and_people_elsewhere if {
	"cn-pipl-38" in _passed(fx.nobody)
	"cn-pipl-38" in _passed(fx.affiliate)
}

_agreed := fx.set(_reader, {"/consents": [_consent]})

_sent(data_type, people) := {
	"data_type": data_type,
	"subject_country": "CN",
	"unit": "person",
	"subjects": people,
	"subjects_this_year": people,
	"rows": people,
}

_names := {"/data/data_types": ["user.name"]}

_after(people) := fx.set(fx.set(_agreed, _names), {"/volume/counts": [_sent("user", people)]})

_most(document) := most if {
	most := {[l.data_types[0], l.max] | some l in cn_pipl.limits} with input as document
}

test_38_passes_few_people_and_bounds_them if {
	"cn-pipl-38" in _passed(_after(99999))
	_most(_after(99999)) == {["user", 99999]}
}

test_38_denies_more_without_a_contract if {
	not "cn-pipl-38" in _passed(_after(100000))
	["cn-pipl-38", "employer.chain[1].country"] in _facts(_after(100000))
}

test_38_adds_up_what_has_no_total if {
	apart := fx.set(_after(1), {"/volume/counts": [_sent("user.name", 60000), _sent("user.contact", 60000)]})
	not "cn-pipl-38" in _passed(apart)
}

test_38_passes_more_with_one if {
	contracted := fx.set(_after(100000), {"/agreements": [_agreement("standard_contract", null)]})
	"cn-pipl-38" in _passed(contracted)
	_most(contracted) == {["user", 999999]}
	not "cn-pipl-38" in _passed(fx.set(contracted, {"/volume/counts": [_sent("user", 1000000)]}))
}

test_38_denies_sensitive_data_without_a_contract if {
	not "cn-pipl-38" in _passed(_agreed)
	contracted := fx.set(_agreed, {"/agreements": [_agreement("certification", "cac_certification")]})
	"cn-pipl-38" in _passed(contracted)
	{9999, 999999} == {most | some [_, most] in _most(contracted)}
	not "cn-pipl-38" in _passed(fx.set(contracted, {"/volume/counts": [_sent("user.payment", 10000)]}))
}

test_38_wants_the_assessment_of_critical_operators if {
	critical := fx.set(_after(1), {"/datasource/controller/designations": ["ciio"]})
	not "cn-pipl-38" in _passed(critical)
	not "cn-pipl-38" in _passed(fx.set(critical, {"/agreements": [_agreement("standard_contract", null)]}))
	assessed := fx.set(critical, {"/agreements": [_agreement("certification", "cac_assessment")]})
	"cn-pipl-38" in _passed(assessed)
	_most(assessed) == set()
}

test_38_denies_what_cannot_be_counted if {
	not "cn-pipl-38" in _passed(fx.set(_after(1), {"/volume/available": false}))
}

test_38_passes_what_a_contract_exempts if {
	contract := object.union(fx.contractor.employer.contracts[0], {"id": "hr", "exemptions": ["cac-2024-5", "pipl-13"]})
	exempt := fx.set(_reader, {"/employer/contracts": [contract], "/employer/chain/1/contract": "hr"})
	{"cn-pipl-38", "cn-pipl-39"} - _passed(exempt) == set()
}

test_38_denied_without_counts if sekisho.decision.effect == "deny" with input as fx.without(_after(1), "volume/counts")

test_39_passes_what_was_told_and_agreed_to if "cn-pipl-39" in _passed(_agreed)

test_39_denies_without_separate_consent if {
	not "cn-pipl-39" in _passed(_reader)
	["cn-pipl-39", "employer.chain[1].country"] in _facts(_reader)
	not "cn-pipl-39" in _passed(fx.set(_reader, {"/consents": [object.union(_consent, {"separate": false})]}))
	not "cn-pipl-39" in _passed(fx.set(_agreed, {"/disclosures": []}))
}

test_39_denied_without_consents if sekisho.decision.effect == "deny" with input as fx.without(_after(1), "consents")

_request(country, channel) := {
	"authority_country": country,
	"legal_basis": "warrant",
	"category": "threat",
	"subjects": 1,
	"channel": channel,
	"reviewed": true,
}

test_41_passes_its_own_and_legal_assistance if {
	"cn-pipl-41" in _passed(_reader)
	"cn-pipl-41" in _passed(fx.set(_reader, {"/request": _request("CN", "direct")}))
	"cn-pipl-41" in _passed(fx.set(_reader, {"/request": _request("JP", "mlat")}))
	"cn-pipl-41" in _passed(fx.set(fx.reader, {"/request": _request("JP", "direct")}))
}

test_41_denies_foreign_authorities if {
	asked := fx.set(_after(1), {"/request": _request("JP", "direct")})
	not "cn-pipl-41" in _passed(asked)
	["cn-pipl-41", "request.channel"] in _facts(asked)
}

test_41_denied_without_channel if {
	asked := fx.set(_after(1), {"/request": _request("JP", "mlat")})
	sekisho.decision.effect == "deny" with input as fx.without(asked, "request/channel")
}
