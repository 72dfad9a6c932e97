# METADATA
# title: Whose data a group works with
# description: |
#   Groups that work for people of some countries read of those people only. Where a column says each row's country, the
#   rows of others are left out; where none does, all rows must be of those countries.
package house.scope

import data.sekisho.lib

# METADATA
# title: "People read of the countries their groups work for"
# description: |
#   Needs principal.groups, data.relations and data.columns. Where a relation has a subject column it asks for a filter,
#   and passes; where it has none, and somebody of another country or of an unknown one may be in it, it denies.
# scope: rule
# custom:
#   id: house-subject-scope
#   layer: house
#   citation: "House policy: each group works for people of some countries"
#   effective_from: 1970-01-01
#   mode: enforce
passed contains "house-subject-scope" if _within

_within if input.data.about_people == false

_within if {
	is_array(input.principal.groups)
	count(_groups) == 0
}

_within if {
	count(_groups) > 0
	is_array(input.data.relations)
	count(_relations_beyond) == 0
	is_array(input.data.columns)
	count(_columns_beyond) == 0
}

_groups contains group if {
	some group in input.principal.groups
	is_array(data.house.scope.groups[group])
}

_countries contains country if {
	some group in _groups
	some country in data.house.scope.groups[group]
}

# METADATA
# title: Obligations
# description: Of each relation whose rows say their country, only the rows of people the person's groups work for.
# scope: document
obligations contains lib.subject_countries("house-subject-scope", relation, countries) if {
	count(_groups) > 0
	some relation in input.data.relations
	_narrowed[relation.relation]
	countries := {country | some country in relation.subject_countries; country in _countries}
}

# Also where all declared countries are theirs: a row that says no country may be anybody's.
_narrowed[relation.relation] := relation.subject_countries if {
	some relation in input.data.relations
	relation.about_people == true
	is_string(relation.subject_column)
}

_others(countries) := {country | some country in countries; not country in _countries}

_relations_beyond contains i if {
	some i, relation in input.data.relations
	not relation.about_people == false
	not _narrowed[relation.relation]
	_beyond(relation)
}

# A column may be about others than its table, and then no filter of the table's rows is about them.
_columns_beyond contains i if {
	some i, column in input.data.columns
	_beyond(column)
	not _of_its_rows(column)
}

_beyond(label) if not label.subject_known == true

_beyond(label) if count(_others(label.subject_countries)) > 0

_of_its_rows(column) if _narrowed[column.relation] == column.subject_countries

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each relation or column that is beyond a group's countries.
# scope: document
findings contains lib.finding("house-subject-scope", {
	"message": sprintf("%s holds data of people in %s, and this person's groups work for people in %s", [
		relation.relation,
		_named(relation.subject_countries),
		_named(_countries),
	]),
	"fact": sprintf("data.relations[%d].subject_countries", [i]),
	"value": relation.subject_countries,
	"remedy": "have the catalog name the column that says each row's country",
}) if {
	some i in _relations_beyond
	relation := input.data.relations[i]
}

findings contains lib.finding("house-subject-scope", {
	"message": sprintf("%s.%s is about people in %s, and this person's groups work for people in %s", [
		column.relation,
		column.column,
		_named(column.subject_countries),
		_named(_countries),
	]),
	"fact": sprintf("data.columns[%d].subject_countries", [i]),
	"value": column.subject_countries,
	"remedy": "leave this column out",
}) if {
	some i in _columns_beyond
	column := input.data.columns[i]
}

_named(countries) := lib.list(countries) if {
	count(countries) > 0
} else := "countries nobody declared"
