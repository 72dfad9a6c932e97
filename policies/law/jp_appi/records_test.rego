package law.jp_appi_records_test

import data.law.jp_appi
import data.sekisho
import data.sekisho.fixtures_test as fx

_passes(rule, document) if {
	passed := jp_appi.passed with input as document
	rule in passed
}

_of(rule, document) := {f | some f in every_finding; f.rule == rule} if {
	every_finding := jp_appi.findings with input as document
}

test_appi_29_passes_what_tells_whose_it_is if _passes("jp-appi-29", fx.korean)

test_appi_29_passes_what_rests_on_no_consent if {
	_passes("jp-appi-29", fx.reader)
	_passes("jp-appi-29", fx.contractor)
	_passes("jp-appi-29", fx.nobody)
	_passes("jp-appi-29", fx.affiliate)
}

test_appi_29_speaks_where_nobody_can_tell_and_only_counts if {
	every document in [
		fx.set(fx.korean, {"/data/relations/0/subject_key": null}),
		fx.set(fx.korean, {"/data/relations": []}),
	] {
		not _passes("jp-appi-29", document)
		decision := sekisho.decision with input as document
		decision.effect == "allow"
		{[f.rule, f.mode, f.value] | some f in decision.findings} == {["jp-appi-29", "shadow", ["public.payments"]]}
	}
}

test_appi_29_asks_it_of_consent_person_by_person if {
	document := fx.set(fx.korean, {
		"/consents/0/status": "given_by_some",
		"/consents/0/row_filter": "consented",
		"/data/relations/0/row_filters": ["consented"],
		"/data/relations/0/subject_key": null,
	})
	not _passes("jp-appi-29", document)
}

test_appi_29_denied_without_relations if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.korean, "data/relations")
	sekisho.decision.effect == "deny" with input as fx.without(fx.korean, "data/relations/0/subject_key")
}

test_appi_32_passes_what_people_can_learn if {
	_passes("jp-appi-32", fx.korean)
	_passes("jp-appi-32", fx.reader)
	_passes("jp-appi-32", fx.contractor)
	_passes("jp-appi-32", fx.traveller)
	_passes("jp-appi-32", fx.nobody)
}

test_appi_32_denies_a_party_in_a_country_not_named if {
	not _passes("jp-appi-32", fx.subcontractor)
	found := {[f.fact, f.value] | some f in _of("jp-appi-32", fx.subcontractor)}
	found == {["employer.chain[2].country", "CN"], ["principal.residence", "CN"]}
}

test_appi_32_denies_living_abroad if {
	document := fx.set(fx.traveller, {"/principal/stay": "residence", "/principal/residence": "CN"})
	{f.fact | some f in _of("jp-appi-32", document)} == {"principal.residence"}
}

test_appi_32_denies_storage_that_is_not_named if {
	document := fx.set(fx.reader, {"/data/storage_countries": ["JP", "SG"]})
	{[f.fact, f.value] | some f in _of("jp-appi-32", document)} == {["data.storage_countries[1]", "SG"]}
}

test_appi_32_denied_without_disclosures if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.korean, "disclosures")
	sekisho.decision.effect == "deny" with input as fx.without(fx.korean, "data/storage_countries")
	sekisho.decision.effect == "deny" with input as fx.without(fx.korean, "principal/residence")
}
