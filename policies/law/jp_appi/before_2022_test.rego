package law.jp_appi_before_2022_test

import data.law.jp_appi
import data.sekisho
import data.sekisho.fixtures_test as fx

_in_2020(document, values) := fx.set(fx.set(document, {"/time": "2020-06-01T00:00:00Z", "/date": "2020-06-01"}), values)

_passes(rule, document) if {
	passed := jp_appi.passed with input as document
	rule in passed
}

_of(rule, document) := {f | some f in every_finding; f.rule == rule} if {
	every_finding := jp_appi.findings with input as document
}

_eq := {
	"id": "eq",
	"kind": "equivalent_system",
	"entity": "line-cn",
	"last_check_age_days": null,
	"foreign_law_risk": "noted",
	"data_types": [],
	"scheme": null,
	"tia_age_days": null,
	"tia_outcome": null,
	"onward_ban": false,
	"access_control": null,
}

test_appi_24_passes_the_controllers_own_people_and_data_about_nobody if {
	_passes("jp-appi-24", _in_2020(fx.reader, {}))
	_passes("jp-appi-24", _in_2020(fx.nobody, {}))
	_passes("jp-appi-24", _in_2020(fx.affiliate, {"/data/subject_countries": ["TH"]}))
}

test_appi_24_passes_consent_that_named_no_country if {
	_passes("jp-appi-24", _in_2020(fx.affiliate, {"/consents/0/informed": ["third_country"]}))
}

test_appi_24_passes_consent_to_a_country_named if _passes("jp-appi-24", _in_2020(fx.korean, {"/consents/0/informed": []}))

test_appi_24_passes_a_system_that_nobody_checked if {
	_passes("jp-appi-24", _in_2020(fx.affiliate, {"/consents": [], "/agreements": [_eq]}))
}

test_appi_24_passes_a_designated_country if {
	_passes("jp-appi-24", _in_2020(fx.affiliate, {"/consents": [], "/employer/chain/1/country": "DE"}))
}

test_appi_24_denies_without_any_of_them if {
	document := _in_2020(fx.affiliate, {"/consents": []})
	not _passes("jp-appi-24", document)
	{[f.fact, f.value] | some f in _of("jp-appi-24", document)} == {["employer.chain[1].country", "CN"]}
}

test_appi_24_denies_consent_withdrawn if {
	changes := {"/consents/0/informed": ["third_country"], "/consents/0/status": "withdrawn"}
	not _passes("jp-appi-24", _in_2020(fx.affiliate, changes))
}

test_appi_24_denies_whom_nobody_knows if {
	{f.fact | some f in _of("jp-appi-24", _in_2020(fx.unknown, {}))} == {"employer.known"}
}

test_appi_24_ends_when_article_28_begins if {
	found := sekisho.decision.findings with input as fx.affiliate
	not "jp-appi-24" in {f.rule | some f in found}
}

test_appi_24_denied_without_chain_or_consents if {
	sekisho.decision.effect == "deny" with input as fx.without(_in_2020(fx.affiliate, {}), "employer/chain")
	sekisho.decision.effect == "deny" with input as fx.without(_in_2020(fx.affiliate, {}), "consents")
}

_audited := [object.union(fx.contractor.employer.contracts[0], {"last_audit_age_days": 100})]

test_appi_22_passes_a_contractor_that_was_audited if {
	_passes("jp-appi-22", _in_2020(fx.contractor, {"/employer/contracts": _audited}))
	_passes("jp-appi-22", _in_2020(fx.reader, {}))
	_passes("jp-appi-22", _in_2020(fx.nobody, {}))
}

test_appi_22_speaks_of_one_that_was_not_and_only_counts if {
	not _passes("jp-appi-22", _in_2020(fx.contractor, {}))
	old := [object.union(_audited[0], {"last_audit_age_days": 366})]
	not _passes("jp-appi-22", _in_2020(fx.contractor, {"/employer/contracts": old}))
	decision := sekisho.decision with input as _in_2020(fx.contractor, {})
	decision.effect == "allow"
	{[f.rule, f.mode, f.fact] | some f in decision.findings} == {["jp-appi-22", "shadow", "employer.chain[1].contract"]}
}

test_appi_22_denied_without_contracts if {
	sekisho.decision.effect == "deny" with input as fx.without(_in_2020(fx.contractor, {}), "employer/contracts")
}
