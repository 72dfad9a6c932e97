package law.th_pdpa_test

import data.law.th_pdpa
import data.sekisho
import data.sekisho.fixtures_test as fx

# The Korean affiliate reads payments of a controller in TH.
_reader := fx.set(fx.korean, {
	"/datasource/controller/country": "TH",
	"/data/subject_countries": ["TH"],
	"/data/storage_countries": ["TH"],
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
	"subject_country": "TH",
	"status": "given",
	"separate": true,
	"informed": ["inadequate"],
	"row_filter": null,
}

_entry(country, accepted) := {
	"regime": "th",
	"country": country,
	"accepted": accepted,
	"scope": "",
	"excluded_data_types": [],
	"citation": "registry",
}

_passed(document) := passed if {
	passed := th_pdpa.passed with input as document
}

_facts(document) := facts if {
	facts := {[f.rule, f.fact] | some f in th_pdpa.findings} with input as document
}

test_all_pass_nobody_and_people_elsewhere if {
	"th-pdpa-28" in _passed(fx.nobody)
	"th-pdpa-28" in _passed(fx.affiliate)
}

test_28_denies_what_nothing_carries if {
	not "th-pdpa-28" in _passed(_reader)
	_facts(_reader) == {["th-pdpa-28", "employer.chain[1].country"]}
}

test_28_passes_consent_after_the_warning if {
	"th-pdpa-28" in _passed(fx.set(_reader, {"/consents": [_consent]}))
	not "th-pdpa-28" in _passed(fx.set(_reader, {"/consents": [object.union(_consent, {"informed": []})]}))
}

test_28_passes_clauses_a_listed_country_and_an_exemption if {
	"th-pdpa-28" in _passed(fx.set(_reader, {"/agreements": [_agreement("bcr", null)]}))
	"th-pdpa-28" in _passed(fx.set(_reader, {"/adequacy": [_entry("KR", true)]}))
	contract := object.union(fx.contractor.employer.contracts[0], {"id": "c", "exemptions": ["pdpa-28-3"]})
	"th-pdpa-28" in _passed(fx.set(_reader, {"/employer/contracts": [contract], "/employer/chain/1/contract": "c"}))
}

test_28_passes_data_that_is_not_there if {
	elsewhere := fx.set(_reader, {"/datasource/controller/country": "JP", "/data/storage_countries": ["JP"]})
	"th-pdpa-28" in _passed(elsewhere)
}

test_28_denied_without_agreements if sekisho.decision.effect == "deny" with input as fx.without(_reader, "agreements")
