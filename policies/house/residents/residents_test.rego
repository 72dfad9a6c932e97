package house.residents_test

import data.house.residents
import data.sekisho
import data.sekisho.fixtures_test as fx

_written := fx.set(fx.reader, {
	"/datasource/id": "city-account",
	"/datasource/controller/designations": ["government"],
	"/employer/chain/0/designations": ["government"],
	"/statement/effect": "write",
	"/statement/kind": "insert",
})

test_residents_denies_a_public_body_that_writes if {
	not "house-residents-2021" in residents.passed with input as _written
	decision := sekisho.decision with input as _written
	{[f.rule, f.value] | some f in decision.findings} == {["house-residents-2021", "city-account"]}
}

test_residents_names_the_body if {
	{f.message | some f in residents.findings} == {concat(" ", [
		"what residents tell LINE Corporation is not stored on a platform under its terms of service",
	])} with input as _written
}

test_residents_denies_the_body_behind_the_chain if {
	document := fx.set(_written, {"/datasource/controller/designations": []})
	not "house-residents-2021" in residents.passed with input as document
}

test_residents_passes_reading_deleting_and_nobody if {
	"house-residents-2021" in residents.passed with input as fx.set(_written, {"/statement/effect": "read"})
	"house-residents-2021" in residents.passed with input as fx.set(_written, {"/statement/kind": "delete"})
	"house-residents-2021" in residents.passed with input as fx.set(_written, {"/data/about_people": false})
}

test_residents_passes_another_store_and_a_company if {
	"house-residents-2021" in residents.passed with input as fx.set(_written, {"/datasource/id": "messenger"})
	private := {"/datasource/controller/designations": [], "/employer/chain/0/designations": []}
	"house-residents-2021" in residents.passed with input as fx.set(_written, private)
}

test_residents_denied_without_a_fact if {
	paths := {"statement/effect", "employer/chain", "datasource/controller/designations", "datasource/id", "data/about_people"}
	every path in paths {
		not "house-residents-2021" in residents.passed with input as fx.without(_written, path)
		sekisho.decision.effect == "deny" with input as fx.without(_written, path)
	}
}
