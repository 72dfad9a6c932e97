package law.in_dpdp_test

import data.law.in_dpdp
import data.sekisho
import data.sekisho.fixtures_test as fx

# The Korean affiliate reads payments of a controller in IN.
_reader := fx.set(fx.korean, {
	"/datasource/controller/country": "IN",
	"/data/subject_countries": ["IN"],
	"/data/storage_countries": ["IN"],
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
	"subject_country": "IN",
	"status": "given",
	"separate": true,
	"informed": ["inadequate"],
	"row_filter": null,
}

_entry(country, accepted) := {
	"regime": "in",
	"country": country,
	"accepted": accepted,
	"scope": "",
	"excluded_data_types": [],
	"citation": "registry",
}

_passed(document) := passed if {
	passed := in_dpdp.passed with input as document
}

_facts(document) := facts if {
	facts := {[f.rule, f.fact] | some f in in_dpdp.findings} with input as document
}

test_all_pass_nobody_and_people_elsewhere if {
	"in-dpdp-16" in _passed(fx.nobody)
	"in-dpdp-16" in _passed(fx.affiliate)
}

test_16_passes_a_country_on_no_list if "in-dpdp-16" in _passed(_reader)

test_16_denies_a_country_on_the_list if {
	listed := fx.set(_reader, {"/adequacy": [_entry("KR", false)]})
	not "in-dpdp-16" in _passed(listed)
	_facts(listed) == {["in-dpdp-16", "employer.chain[1].country"]}
	shipped := in_dpdp.passed with input as _reader with data.regimes as {"in": {"home": ["IN"], "negative_list": ["KR"]}}
	not "in-dpdp-16" in shipped
}

test_16_denied_without_adequacy if sekisho.decision.effect == "deny" with input as fx.without(_reader, "adequacy")
