# METADATA
# title: The statement and its labels
# description: What is not understood, and what nobody labelled, is denied.
package house.statement

import data.sekisho.lib

# METADATA
# title: "What the statement does is established"
# description: |
#   Needs statement.complete. Holds for every statement, whoever asks.
# scope: rule
# custom:
#   id: house-statement-understood
#   layer: house
#   citation: "House policy: only what is understood is allowed"
#   effective_from: 1970-01-01
#   mode: enforce
passed contains "house-statement-understood" if input.statement.complete == true

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("house-statement-understood", {
	"message": sprintf("what the statement does could not be established completely%s", [_detail]),
	"fact": "statement.incomplete",
	"value": input.statement.incomplete,
	"reason": "statement_incomplete",
	"remedy": "write it with plain columns, joins, sub-selects, CTEs and views",
}) if {
	not input.statement.complete == true
}

_detail := sprintf(": %s", [input.statement.detail]) if {
	input.statement.detail != ""
} else := ""

# METADATA
# title: "What is asked for is as certain as the datasource wants it"
# description: |
#   Needs statement.confidence, datasource.trust and data.about_people. What a statement does is `attested` where the
#   database itself analysed it, `inferred` where a route says it, `declared` where a caller does. Data about people needs
#   `attested`, unless the catalog says another `trust` for its datasource.
# scope: rule
# custom:
#   id: house-facts-attested
#   layer: house
#   citation: "House policy: people's data goes by what the database itself says"
#   effective_from: 1970-01-01
#   mode: enforce
passed contains "house-facts-attested" if _certain

_certain if input.data.about_people == false

_certain if input.statement.confidence == "attested"

_certain if {
	input.statement.confidence == "inferred"
	input.datasource.trust in {"inferred", "declared"}
}

_certain if {
	input.statement.confidence == "declared"
	input.datasource.trust == "declared"
}

findings contains lib.finding("house-facts-attested", {
	"message": sprintf("what is asked for is only %s, and data about people of this datasource needs it %s", [
		input.statement.confidence,
		input.datasource.trust,
	]),
	"fact": "statement.confidence",
	"value": input.statement.confidence,
	"reason": "facts_not_attested",
	"remedy": "ask with the statement itself, of a database that says what it does",
}) if {
	not _certain
}

# METADATA
# title: "Everything touched is labelled"
# description: |
#   Needs data.unlabelled, and for every column the statement uses an entry in data.columns that is labelled. Where the
#   datasource's catalog says `ask` or `none` for what it does not list, the other rules decide.
# scope: rule
# custom:
#   id: house-labelled
#   layer: house
#   citation: "House policy: unlabelled data is treated as people's data"
#   effective_from: 1970-01-01
#   mode: enforce
passed contains "house-labelled" if _labelled

_labelled if {
	count(input.data.unlabelled) == 0
	count(_without_label) == 0
	count(_marks - {true}) == 0
}

_labelled if input.datasource.unlabelled in {"ask", "none"}

# As sets: there may be hundreds of columns.
_labels := {[column.relation, column.column] | some column in input.data.columns; column.labelled == true}

_marks := {column.labelled | some column in input.data.columns}

_used := {[column.relation, column.column] | some column in input.statement.columns}

_without_label := _used - _labels

# METADATA
# title: "What is made of a query holds nothing about people"
# description: |
#   Needs statement.kind and data.about_people. CREATE TABLE AS and its like may fill a relation that the catalog lists
#   ahead of its making, from data about nobody.
# scope: rule
# custom:
#   id: house-copies
#   layer: house
#   citation: "House policy: no copies of people's data"
#   effective_from: 1970-01-01
#   mode: enforce
passed contains "house-copies" if _nothing_copied

_nothing_copied if not _makes_a_relation

_nothing_copied if input.data.about_people == false

_makes_a_relation if input.statement.kind in {"create_table_as", "create_materialized_view", "select_into"}

findings contains lib.finding("house-copies", {
	"message": "a copy of data about people, or of data that nobody labelled, would lie out of the catalog's sight",
	"fact": "data.about_people",
	"value": input.data.about_people,
	"remedy": "read the data where it lies",
}) if {
	not _nothing_copied
}

findings contains lib.finding("house-labelled", {
	"message": sprintf("%s has no label in the catalog, and what nobody labelled is not read", [name]),
	"fact": sprintf("data.unlabelled[%d]", [i]),
	"value": name,
	"remedy": "label it in the registry's catalog",
}) if {
	some i, name in input.data.unlabelled
}

findings contains lib.finding("house-labelled", {
	"message": sprintf("%s.%s has no label in the catalog, and what nobody labelled is not read", [
		column.relation,
		column.column,
	]),
	"fact": sprintf("statement.columns[%d]", [i]),
	"value": sprintf("%s.%s", [column.relation, column.column]),
	"remedy": "label it in the registry's catalog",
}) if {
	count(input.data.unlabelled) == 0
	count(_without_label) > 0
	some i, column in input.statement.columns
	[column.relation, column.column] in _without_label
}
