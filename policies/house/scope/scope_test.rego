package house.scope_test

import data.house.scope
import data.sekisho.fixtures_test as fx

_groups := {"support-kr": ["KR"], "support-tw": ["TW"], "engineer": ["KR", "TW"]}

_relation := {
	"relation": "public.users",
	"about_people": true,
	"subject_countries": ["JP", "KR", "TW"],
	"subject_known": true,
	"subject_column": "country",
	"subject_key": "id",
	"unit": "person",
	"subjects": ["customer"],
	"row_filters": [],
}

_asks(changes, groups) := fx.set(fx.reader, object.union(
	{
		"/data/relations": [_relation],
		"/data/columns": [],
		"/principal/groups": groups,
	},
	changes,
))

test_scope_narrows_to_the_groups_countries if {
	asked := _asks({}, ["support-kr"])
	"house-subject-scope" in scope.passed with input as asked with data.house.scope.groups as _groups
	scope.obligations == {{
		"rule": "house-subject-scope",
		"kind": "subject_countries",
		"relation": "public.users",
		"column": "country",
		"countries": ["KR"],
	}} with input as asked with data.house.scope.groups as _groups
}

test_scope_of_several_groups_is_all_of_theirs if {
	asked := _asks({}, ["support-kr", "support-tw", "others"])
	{o.countries | some o in scope.obligations} == {["KR", "TW"]} with input as asked
		with data.house.scope.groups as _groups
}

test_scope_narrows_nobody_without_such_a_group if {
	asked := _asks({}, ["others"])
	"house-subject-scope" in scope.passed with input as asked with data.house.scope.groups as _groups
	count(scope.obligations) == 0 with input as asked with data.house.scope.groups as _groups
}

test_scope_leaves_rows_out_that_say_no_country if {
	asked := _asks({"/data/relations/0/subject_countries": ["KR"]}, ["support-kr"])
	{o.countries | some o in scope.obligations} == {["KR"]} with input as asked with data.house.scope.groups as _groups
}

test_scope_asks_nothing_where_all_rows_are_theirs if {
	changes := {"/data/relations/0/subject_countries": ["KR"], "/data/relations/0/subject_column": null}
	asked := _asks(changes, ["support-kr"])
	"house-subject-scope" in scope.passed with input as asked with data.house.scope.groups as _groups
	count(scope.obligations) == 0 with input as asked with data.house.scope.groups as _groups
}

test_scope_denies_where_no_column_says_whose_a_row_is if {
	asked := _asks({"/data/relations/0/subject_column": null}, ["support-kr"])
	not "house-subject-scope" in scope.passed with input as asked with data.house.scope.groups as _groups
	{f.fact | some f in scope.findings} == {"data.relations[0].subject_countries"} with input as asked
		with data.house.scope.groups as _groups
}

test_scope_denies_where_nobody_declared_whose_rows_they_are if {
	changes := {
		"/data/relations/0/subject_column": null,
		"/data/relations/0/subject_known": false,
		"/data/relations/0/subject_countries": [],
	}
	asked := _asks(changes, ["support-kr"])
	not "house-subject-scope" in scope.passed with input as asked with data.house.scope.groups as _groups
	{f.message | some f in scope.findings} == {concat("", [
		"public.users holds data of people in countries nobody declared,",
		" and this person's groups work for people in KR",
	])} with input as asked with data.house.scope.groups as _groups
}

test_scope_denies_a_column_about_others if {
	column := {
		"relation": "public.users",
		"column": "parent",
		"use": "output",
		"data_types": ["user.name"],
		"subject_countries": ["US"],
		"subject_known": true,
		"labelled": true,
	}
	asked := _asks({"/data/columns": [column]}, ["support-kr"])
	not "house-subject-scope" in scope.passed with input as asked with data.house.scope.groups as _groups
	{f.fact | some f in scope.findings} == {"data.columns[0].subject_countries"} with input as asked
		with data.house.scope.groups as _groups
	own := _asks({"/data/columns": [object.union(column, {"subject_countries": ["JP", "KR", "TW"]})]}, ["support-kr"])
	"house-subject-scope" in scope.passed with input as own with data.house.scope.groups as _groups
}

test_scope_leaves_data_about_nobody_alone if {
	"house-subject-scope" in scope.passed with input as _asks({"/data/about_people": false}, ["support-kr"])
		with data.house.scope.groups as _groups
}

test_scope_denied_without_what_it_needs if {
	every path in ["principal/groups", "data/relations", "data/columns"] {
		asked := fx.without(_asks({}, ["support-kr"]), path)
		not "house-subject-scope" in scope.passed with input as asked with data.house.scope.groups as _groups
	}
}
