package promise.residency_test

import data.promise.residency
import data.sekisho
import data.sekisho.fixtures_test as fx

_passes(rule, document) if {
	passed := residency.passed with input as document
	rule in passed
}

_claim(claim, countries) := {
	"notice": "announcement-2021-03-23",
	"claim": claim,
	"countries": countries,
	"data_types": ["user.content"],
	"subject_countries": ["JP"],
}

_stores(claims) := fx.set(fx.contractor, {
	"/statement/effect": "write",
	"/statement/kind": "insert",
	"/data/storage_countries": ["JP", "KR"],
	"/claims": claims,
})

_in_japan := [_claim("stored_only_in", ["JP"])]

test_residency_passes_where_nothing_was_claimed if _passes("promise-residency", _stores([]))

test_residency_passes_reading_and_deleting if {
	_passes("promise-residency", fx.set(_stores(_in_japan), {"/statement/effect": "read"}))
	_passes("promise-residency", fx.set(_stores(_in_japan), {"/statement/kind": "delete"}))
}

test_residency_passes_what_lies_where_it_was_said_to if {
	_passes("promise-residency", _stores([_claim("stored_only_in", ["JP", "KR"])]))
	_passes("promise-residency", fx.set(_stores(_in_japan), {"/data/storage_countries": ["JP"]}))
}

test_residency_passes_other_data_other_people_and_nobody if {
	_passes("promise-residency", fx.set(_stores(_in_japan), {"/data/data_types": ["user.payment"]}))
	_passes("promise-residency", fx.set(_stores(_in_japan), {"/data/subject_countries": ["TH"]}))
	_passes("promise-residency", fx.set(_stores(_in_japan), {"/data/about_people": false}))
}

test_residency_denies_storage_elsewhere if {
	not _passes("promise-residency", _stores(_in_japan))
	found := residency.findings with input as _stores(_in_japan)
	{[f.rule, f.fact, f.value] | some f in found} == {["promise-residency", "data.storage_countries[1]", "KR"]}
}

test_residency_denies_what_may_be_meant if {
	not _passes("promise-residency", fx.set(_stores(_in_japan), {"/data/data_types": ["user"]}))
	not _passes("promise-residency", fx.set(_stores(_in_japan), {"/data/data_types": []}))
	not _passes("promise-residency", fx.set(_stores(_in_japan), {
		"/data/subject_countries": ["TH"],
		"/data/subject_known": false,
	}))
	everybody := [object.union(_in_japan[0], {"subject_countries": []})]
	not _passes("promise-residency", fx.set(_stores(everybody), {"/data/subject_countries": ["TH"]}))
}

test_residency_denied_without_claims if {
	sekisho.decision.effect == "deny" with input as fx.without(_stores([]), "claims")
	sekisho.decision.effect == "deny" with input as fx.without(_stores(_in_japan), "data/storage_countries")
	sekisho.decision.effect == "deny" with input as fx.without(_stores(_in_japan), "claims/0/countries")
}

_from_japan := [object.union(_claim("accessed_only_from", ["JP"]), {"data_types": ["user"]})]

test_access_passes_from_where_it_was_said if {
	_passes("promise-access", fx.set(fx.contractor, {"/claims": _from_japan}))
	_passes("promise-access", fx.korean)
	_passes("promise-access", fx.set(fx.korean, {"/claims": [object.union(_from_japan[0], {"countries": ["JP", "KR"]})]}))
}

test_access_denies_from_elsewhere if {
	document := fx.set(fx.korean, {"/claims": _from_japan})
	not _passes("promise-access", document)
	found := residency.findings with input as document
	{[f.rule, f.fact, f.value] | some f in found} == {["promise-access", "employer.chain[1].country", "KR"]}
}

test_access_passes_an_own_trip if {
	own := fx.set(fx.traveller, {"/claims": [object.union(_from_japan[0], {"countries": ["JP", "KR"]})]})
	_passes("promise-access", own)
	not _passes("promise-access", fx.set(own, {"/principal/stay": "residence"}))
}

test_access_denied_without_origin if {
	document := fx.set(fx.korean, {"/claims": _from_japan})
	sekisho.decision.effect == "deny" with input as fx.without(document, "origin")
	sekisho.decision.effect == "deny" with input as fx.without(document, "location/countries")
}
