package law.uk_gdpr_test

import data.law.uk_gdpr
import data.sekisho
import data.sekisho.fixtures_test as fx

_reader := fx.set(fx.affiliate, {"/data/subject_countries": ["GB"]})

_agreement(kind, scheme) := {
	"id": "a",
	"kind": kind,
	"entity": "line-cn",
	"last_check_age_days": null,
	"foreign_law_risk": "none",
	"data_types": [],
	"scheme": scheme,
	"tia_age_days": 10,
	"tia_outcome": "effective",
	"onward_ban": false,
	"access_control": null,
}

_told := {
	"/disclosures": [{"notice": "n", "country": "CN", "entities": [], "data_types": ["user"], "consent": false}],
	"/consents": [{
		"notice": "n",
		"subject_country": "GB",
		"status": "given",
		"separate": true,
		"informed": ["inadequate"],
		"row_filter": null,
	}],
}

_taken(country) := {
	"regime": "uk",
	"country": country,
	"accepted": false,
	"scope": "",
	"excluded_data_types": [],
	"citation": "registry",
}

_in(country) := {
	"/employer/country": country,
	"/employer/chain/1/country": country,
	"/principal/residence": country,
	"/location/countries": [country],
}

_passed(document) := passed if {
	passed := uk_gdpr.passed with input as document
}

test_44a_passes_nobody_and_people_elsewhere if {
	"uk-gdpr-44a" in _passed(fx.nobody)
	"uk-gdpr-44a" in _passed(fx.affiliate)
}

test_44a_denies_a_country_nothing_carries if {
	not "uk-gdpr-44a" in _passed(_reader)
	{f.fact | some f in uk_gdpr.findings; f.rule == "uk-gdpr-44a"} == {"employer.chain[1].country"} with input as _reader
}

test_44a_passes_approved_countries if {
	"uk-gdpr-44a" in _passed(fx.set(_reader, _in("FR")))
	"uk-gdpr-44a" in _passed(fx.set(_reader, _in("KR")))
}

test_44a_denies_an_approved_country_the_registry_takes if {
	not "uk-gdpr-44a" in _passed(fx.set(fx.set(_reader, _in("FR")), {"/adequacy": [_taken("FR")]}))
}

test_44a_passes_agreements if {
	"uk-gdpr-44a" in _passed(fx.set(_reader, {"/agreements": [_agreement("idta", null)]}))
	"uk-gdpr-44a" in _passed(fx.set(_reader, {"/agreements": [_agreement("scc", "uk_addendum")]}))
}

test_44a_denies_clauses_without_the_addendum if {
	not "uk-gdpr-44a" in _passed(fx.set(_reader, {"/agreements": [_agreement("scc", null)]}))
}

test_44a_passes_explicit_consent if "uk-gdpr-44a" in _passed(fx.set(_reader, _told))

test_44a_denied_without_agreements if sekisho.decision.effect == "deny" with input as fx.without(_reader, "agreements")

test_13_passes_what_is_named if "uk-gdpr-13" in _passed(fx.set(_reader, _told))

test_13_passes_people_elsewhere if "uk-gdpr-13" in _passed(fx.affiliate)

test_13_denies_what_is_not if {
	not "uk-gdpr-13" in _passed(_reader)
	"uk-gdpr-13" in {f.rule | some f in uk_gdpr.findings} with input as _reader
}

test_13_denied_without_disclosures if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.set(_reader, _told), "disclosures")
}
