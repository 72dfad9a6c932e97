package law.id_pdp_test

import data.law.id_pdp
import data.sekisho
import data.sekisho.fixtures_test as fx

# The Korean affiliate reads payments of a controller in ID.
_reader := fx.set(fx.korean, {
	"/datasource/controller/country": "ID",
	"/data/subject_countries": ["ID"],
	"/data/storage_countries": ["ID"],
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
	"subject_country": "ID",
	"status": "given",
	"separate": true,
	"informed": ["inadequate"],
	"row_filter": null,
}

_entry(country, accepted) := {
	"regime": "id",
	"country": country,
	"accepted": accepted,
	"scope": "",
	"excluded_data_types": [],
	"citation": "registry",
}

_passed(document) := passed if {
	passed := id_pdp.passed with input as document
}

_facts(document) := facts if {
	facts := {[f.rule, f.fact] | some f in id_pdp.findings} with input as document
}

test_all_pass_nobody_and_people_elsewhere if {
	"id-pdp-56" in _passed(fx.nobody)
	"id-pdp-56" in _passed(fx.affiliate)
}

test_56_denies_what_nothing_carries if {
	bare := fx.set(_reader, {"/disclosures": []})
	not "id-pdp-56" in _passed(bare)
	_facts(bare) == {["id-pdp-56", "employer.chain[1].country"]}
}

test_56_passes_each_step_of_the_ladder if {
	"id-pdp-56" in _passed(fx.set(_reader, {"/adequacy": [_entry("KR", true)]}))
	"id-pdp-56" in _passed(fx.set(_reader, {"/agreements": [_agreement("scc", null)]}))
	"id-pdp-56" in _passed(fx.set(_reader, {"/consents": [_consent]}))
}

test_56_denied_without_consents if sekisho.decision.effect == "deny" with input as fx.without(_reader, "consents")

test_gr71_passes_private_ones_and_a_system_there if {
	"id-gr71" in _passed(fx.set(_reader, {"/data/storage_countries": ["JP"]}))
	"id-gr71" in _passed(fx.set(_reader, {"/datasource/controller/designations": ["government"]}))
	"id-gr71" in _passed(fx.affiliate)
}

test_gr71_denies_a_public_system_abroad if {
	abroad := fx.set(_reader, {
		"/datasource/controller/designations": ["government"],
		"/data/storage_countries": ["JP"],
		"/agreements": [_agreement("scc", null)],
	})
	not "id-gr71" in _passed(abroad)
	_facts(abroad) == {["id-gr71", "data.storage_countries"]}
}

test_gr71_denied_without_designations if {
	sekisho.decision.effect == "deny" with input as fx.without(_reader, "datasource/controller/designations")
}
