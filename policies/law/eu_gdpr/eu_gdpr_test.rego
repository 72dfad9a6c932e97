package law.eu_gdpr_test

import data.law.eu_gdpr
import data.sekisho
import data.sekisho.fixtures_test as fx

# The Korean affiliate reads payments of people in France; its country is taken from the list unless a test gives it back.
_reader := fx.set(fx.korean, {"/data/subject_countries": ["FR"], "/adequacy": [_entry("KR", false)]})

_entry(country, accepted) := {
	"regime": "eu",
	"country": country,
	"accepted": accepted,
	"scope": "",
	"excluded_data_types": [],
	"citation": "registry",
}

_clauses := {
	"id": "scc",
	"kind": "scc",
	"entity": "line-plus",
	"last_check_age_days": null,
	"foreign_law_risk": "noted",
	"data_types": [],
	"scheme": null,
	"tia_age_days": 10,
	"tia_outcome": "effective",
	"onward_ban": false,
	"access_control": null,
}

_consent := {
	"notice": "n",
	"subject_country": "FR",
	"status": "given",
	"separate": true,
	"informed": ["inadequate"],
	"row_filter": null,
}

_with(changes) := fx.set(_reader, changes)

_passed(document) := passed if {
	passed := eu_gdpr.passed with input as document
}

test_44_passes_data_about_nobody if "eu-gdpr-44" in _passed(fx.nobody)

test_44_passes_people_elsewhere if "eu-gdpr-44" in _passed(fx.affiliate)

test_44_passes_the_controllers_own_people if "eu-gdpr-44" in _passed(fx.set(fx.reader, {"/data/subject_countries": ["FR"]}))

test_44_denies_a_country_nothing_carries if {
	not "eu-gdpr-44" in _passed(_reader)
	{[f.fact, f.value] | some f in eu_gdpr.findings} == {["employer.chain[1].country", "KR"]} with input as _reader
}

test_44_passes_an_adequate_country if "eu-gdpr-44" in _passed(_with({"/adequacy": []}))

test_44_passes_a_country_of_the_registry if {
	"eu-gdpr-44" in _passed(fx.set(fx.affiliate, {
		"/data/subject_countries": ["FR"],
		"/adequacy": [_entry("CN", true)],
	}))
}

test_44_denies_a_country_of_the_registry_for_other_data if {
	not "eu-gdpr-44" in _passed(fx.set(fx.affiliate, {
		"/data/subject_countries": ["FR"],
		"/adequacy": [object.union(_entry("CN", true), {"excluded_data_types": ["user.name"]})],
	}))
}

test_44_passes_effective_clauses if "eu-gdpr-44" in _passed(_with({"/agreements": [_clauses]}))

test_44_denies_clauses_that_lack_something if {
	every change in [
		{"tia_outcome": "ineffective"},
		{"tia_outcome": null},
		{"tia_age_days": null},
		{"tia_age_days": 366},
		{"entity": "somebody"},
		{"kind": "cbpr"},
		{"data_types": ["user.name"]},
		{"foreign_law_risk": "cannot_secure"},
	] {
		not "eu-gdpr-44" in _passed(_with({"/agreements": [object.union(_clauses, change)]}))
	}
}

test_44_passes_explicit_consent if "eu-gdpr-44" in _passed(_with({"/consents": [_consent]}))

test_44_denies_consent_that_lacks_something if {
	every change in [
		{"status": "withdrawn"},
		{"separate": false},
		{"informed": []},
		{"row_filter": "some_rows"},
		{"subject_country": "DE"},
	] {
		not "eu-gdpr-44" in _passed(_with({"/consents": [object.union(_consent, change)]}))
	}
	not "eu-gdpr-44" in _passed(_with({"/consents": [_consent, object.union(_consent, {"status": "expired"})]}))
	not "eu-gdpr-44" in _passed(_with({"/consents": [_consent], "/disclosures": []}))
}

test_44_looks_at_where_staff_sit_and_live if {
	not "eu-gdpr-44" in _passed(_with({"/adequacy": [], "/location/countries": ["CN"]}))
	not "eu-gdpr-44" in _passed(_with({"/adequacy": [], "/principal/residence": "CN"}))
}

test_44_denied_without_agreements if sekisho.decision.effect == "deny" with input as fx.without(_reader, "agreements")

test_44_denied_without_adequacy if {
	sekisho.decision.effect == "deny" with input as fx.without(_with({"/agreements": [_clauses]}), "adequacy")
}

test_44_denied_without_consents if sekisho.decision.effect == "deny" with input as fx.without(_reader, "consents")

test_13_passes_a_country_that_is_named if "eu-gdpr-13" in _passed(_reader)

test_13_denies_a_country_that_is_not if {
	untold := _with({"/agreements": [_clauses], "/disclosures": []})
	not "eu-gdpr-13" in _passed(untold)
	{[f.rule, f.fact] | some f in eu_gdpr.findings} == {["eu-gdpr-13", "employer.chain[1].country"]} with input as untold
}

test_13_passes_people_elsewhere if "eu-gdpr-13" in _passed(fx.affiliate)

test_13_denied_without_disclosures if sekisho.decision.effect == "deny" with input as fx.without(_reader, "disclosures")

_request(country, channel) := {
	"authority_country": country,
	"legal_basis": "warrant",
	"category": "threat",
	"subjects": 1,
	"channel": channel,
	"reviewed": true,
}

test_48_passes_without_a_request if "eu-gdpr-48" in _passed(_reader)

test_48_passes_people_elsewhere if "eu-gdpr-48" in _passed(fx.set(fx.reader, {"/request": _request("US", "direct")}))

test_48_passes_an_authority_of_the_union_and_a_treaty if {
	"eu-gdpr-48" in _passed(_with({"/request": _request("FR", "direct")}))
	"eu-gdpr-48" in _passed(_with({"/request": _request("US", "mlat")}))
}

test_48_denies_a_direct_order if {
	ordered := _with({"/request": _request("US", "direct"), "/agreements": [_clauses]})
	not "eu-gdpr-48" in _passed(ordered)
	{[f.rule, f.fact] | some f in eu_gdpr.findings} == {["eu-gdpr-48", "request.channel"]} with input as ordered
}

test_48_denied_without_request if sekisho.decision.effect == "deny" with input as fx.without(_reader, "request")
