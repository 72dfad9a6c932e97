package house.statement_test

import data.house.statement
import data.sekisho
import data.sekisho.fixtures_test as fx

test_understood_passes_what_is_complete if "house-statement-understood" in statement.passed with input as fx.reader

test_understood_denies_what_is_not if {
	{[f.rule, f.reason, f.value] | some f in statement.findings} == {[
		"house-statement-understood",
		"statement_incomplete",
		"function_refused",
	]} with input as _incomplete
	not "house-statement-understood" in statement.passed with input as _incomplete
}

test_attested_passes_what_the_database_says if "house-facts-attested" in statement.passed with input as fx.reader

test_attested_denies_what_is_less_certain_than_the_datasource_wants if {
	every pair in [["inferred", "attested"], ["declared", "attested"], ["declared", "inferred"]] {
		{[f.rule, f.reason, f.fact, f.value] | some f in statement.findings} == {[
			"house-facts-attested",
			"facts_not_attested",
			"statement.confidence",
			pair[0],
		]} with input as _known(fx.reader, pair[0], pair[1])
	}
}

test_attested_passes_what_is_as_certain_as_the_datasource_wants if {
	every pair in [["inferred", "inferred"], ["inferred", "declared"], ["declared", "declared"], ["attested", "declared"]] {
		"house-facts-attested" in statement.passed with input as _known(fx.reader, pair[0], pair[1])
	}
}

test_attested_passes_what_is_about_nobody if {
	"house-facts-attested" in statement.passed with input as _known(fx.nobody, "declared", "attested")
}

test_attested_denies_a_word_nobody_knows if {
	not "house-facts-attested" in statement.passed with input as _known(fx.reader, "unknown", "unknown")
	not "house-facts-attested" in statement.passed with input as _known(fx.reader, "inferred", "none")
}

test_attested_denied_without_what_it_needs if {
	inferred := _known(fx.nobody, "inferred", "inferred")
	every place in ["statement/confidence", "datasource/trust", "data/about_people"] {
		sekisho.decision.effect == "deny" with input as fx.without(inferred, place)
	}
	people := _known(fx.reader, "inferred", "inferred")
	not "house-facts-attested" in statement.passed with input as fx.without(people, "statement/confidence")
	not "house-facts-attested" in statement.passed with input as fx.without(people, "datasource/trust")
	not "house-facts-attested" in statement.passed with input as fx.without(
		_known(fx.nobody, "declared", "attested"),
		"data/about_people",
	)
}

_known(document, confidence, trust) := fx.set(document, {
	"/statement/confidence": confidence,
	"/datasource/trust": trust,
})

test_labelled_passes_what_is_labelled if "house-labelled" in statement.passed with input as fx.reader

test_labelled_denies_an_unlabelled_relation if {
	not "house-labelled" in statement.passed with input as fx.set(fx.reader, {"/data/unlabelled": ["public.x"]})
}

test_labelled_denies_a_column_without_a_label if {
	not "house-labelled" in statement.passed with input as fx.set(fx.reader, {"/data/columns/0/labelled": false})
	not "house-labelled" in statement.passed with input as fx.without(fx.reader, "data/columns/0")
}

test_understood_denied_without_complete if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.nobody, "statement/complete")
}

test_understood_denied_without_statement if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.nobody, "statement")
}

test_labelled_leaves_it_to_others_where_the_catalog_says_so if {
	every word in ["ask", "none"] {
		changes := {"/data/unlabelled": ["public.x"], "/datasource/unlabelled": word}
		"house-labelled" in statement.passed with input as fx.set(fx.reader, changes)
	}
}

test_labelled_denies_where_the_catalog_says_something_else if {
	changes := {"/data/unlabelled": ["public.x"], "/datasource/unlabelled": "perhaps"}
	not "house-labelled" in statement.passed with input as fx.set(fx.reader, changes)
}

test_labelled_denied_without_unlabelled if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.nobody, "data/unlabelled")
}

test_labelled_denied_without_columns if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.nobody, "statement/columns")
}

test_labelled_denied_without_labels if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.nobody, "data/columns")
}

test_copies_passes_a_copy_of_what_is_about_nobody if {
	every kind in _copying {
		"house-copies" in statement.passed with input as fx.set(fx.nobody, {"/statement/kind": kind})
	}
}

test_copies_denies_a_copy_of_what_is_about_people if {
	every kind in _copying {
		made := fx.set(fx.reader, {"/statement/kind": kind})
		not "house-copies" in statement.passed with input as made
		_facts(made) == {"data.about_people"}
	}
}

test_copies_passes_what_makes_no_copy if "house-copies" in statement.passed with input as fx.reader

test_copies_denied_without_about_people if {
	every kind in _copying {
		copy := fx.set(fx.nobody, {"/statement/kind": kind})
		not "house-copies" in statement.passed with input as fx.without(copy, "data/about_people")
	}
}

test_copies_denied_without_kind if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.nobody, "statement/kind")
}

_copying := {"create_table_as", "create_materialized_view", "select_into"}

_incomplete := fx.set(fx.nobody, {"/statement/complete": false, "/statement/incomplete": "function_refused"})

test_findings_name_the_fact_that_failed if {
	_facts(fx.set(fx.reader, {"/data/unlabelled": ["public.x"]})) == {"data.unlabelled[0]"}
	_facts(fx.without(fx.reader, "data/columns/1")) == {"statement.columns[1]"}
	_facts(fx.set(fx.nobody, {"/statement/complete": false, "/statement/detail": "why"})) == {"statement.incomplete"}
}

_facts(document) := facts if {
	facts := {f.fact | some f in statement.findings} with input as document
}
