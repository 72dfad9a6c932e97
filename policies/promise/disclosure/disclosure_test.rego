package promise.disclosure_test

import data.promise.disclosure
import data.sekisho
import data.sekisho.fixtures_test as fx

test_disclosure_passes_the_controllers_country if "promise-disclosure" in disclosure.passed with input as fx.reader

test_disclosure_passes_a_country_told_of if "promise-disclosure" in disclosure.passed with input as fx.korean

test_disclosure_passes_data_about_nobody if "promise-disclosure" in disclosure.passed with input as fx.nobody

test_disclosure_passes_an_own_trip if "promise-disclosure" in disclosure.passed with input as fx.traveller

test_disclosure_denies_a_country_not_told_of if {
	{[f.fact, f.value] | some f in disclosure.findings} == {["employer.chain[1].country", "CN"]} with input as fx.affiliate
	not "promise-disclosure" in disclosure.passed with input as fx.affiliate
}

test_disclosure_denies_a_type_not_told_of if {
	not "promise-disclosure" in disclosure.passed with input as fx.set(fx.korean, {"/data/data_types": ["user.paymentx"]})
}

test_disclosure_denies_another_entity if {
	not "promise-disclosure" in disclosure.passed with input as fx.set(fx.korean, {"/disclosures/0/entities": ["naver"]})
}

test_disclosure_denies_living_abroad if {
	not "promise-disclosure" in disclosure.passed with input as fx.set(fx.traveller, {"/principal/stay": "residence"})
}

test_disclosure_denied_without_location if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.affiliate, "location/countries")
}

test_disclosure_denied_without_origin if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.affiliate, "origin")
}

test_disclosure_denied_without_controller if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.affiliate, "datasource/controller/country")
}

test_disclosure_denied_without_disclosures if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.affiliate, "disclosures")
}

test_disclosure_denied_without_types if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.affiliate, "data/data_types")
}
