package law.tw_pdpa_test

import data.law.tw_pdpa
import data.sekisho
import data.sekisho.fixtures_test as fx

# The Korean affiliate reads payments of a controller in TW.
_reader := fx.set(fx.korean, {
	"/datasource/controller/country": "TW",
	"/data/subject_countries": ["TW"],
	"/data/storage_countries": ["TW"],
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
	"subject_country": "TW",
	"status": "given",
	"separate": true,
	"informed": ["inadequate"],
	"row_filter": null,
}

_entry(country, accepted) := {
	"regime": "tw",
	"country": country,
	"accepted": accepted,
	"scope": "",
	"excluded_data_types": [],
	"citation": "registry",
}

_passed(document) := passed if {
	passed := tw_pdpa.passed with input as document
}

_facts(document) := facts if {
	facts := {[f.rule, f.fact] | some f in tw_pdpa.findings} with input as document
}

test_all_pass_nobody_and_people_elsewhere if {
	"tw-pdpa-21" in _passed(fx.nobody)
	"tw-pdpa-21" in _passed(fx.affiliate)
}

_carrier := fx.set(fx.affiliate, {
	"/datasource/controller/designations": ["telecom"],
	"/data/subject_countries": ["TW"],
})

test_21_passes_a_company_no_order_is_about if {
	"tw-pdpa-21" in _passed(fx.set(_carrier, {"/datasource/controller/designations": []}))
	"tw-pdpa-21" in _passed(fx.set(_reader, {"/datasource/controller/designations": ["telecom"]}))
}

test_21_denies_readers_people_and_servers_in_china if {
	not "tw-pdpa-21" in _passed(_carrier)
	["tw-pdpa-21", "employer.chain[1].country"] in _facts(_carrier)
	at_home := fx.set(fx.reader, {
		"/datasource/controller/designations": ["hr_recruiter"],
		"/data/subject_countries": ["TW"],
	})
	"tw-pdpa-21" in _passed(at_home)
	_facts(fx.set(at_home, {"/data/storage_countries": ["CN"]})) == {["tw-pdpa-21", "data.storage_countries[0]"]}
	_facts(fx.set(at_home, {"/location/countries": ["CN"]})) == {["tw-pdpa-21", "location.countries[0]"]}
}

test_21_begins_with_the_order if {
	before := {"/time": "2023-02-19T00:00:00Z", "/date": "2023-02-19", "/datasource/controller/designations": ["hr_recruiter"]}
	"tw-pdpa-21" in _passed(fx.set(_carrier, before))
}

test_21_denied_without_designations if {
	sekisho.decision.effect == "deny" with input as fx.without(_reader, "datasource/controller/designations")
}
