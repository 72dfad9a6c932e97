package sekisho.shape_test

import data.sekisho
import data.sekisho.fixtures_test as fx
import data.sekisho.shape

test_complete_passes_a_whole_input if {
	"house-input-complete" in shape.passed with input as fx.reader
	count(shape.broken) == 0 with input as fx.subcontractor
}

test_complete_denies_null_as_a_number if {
	shape.broken == {"volume"} with input as fx.set(fx.reader, {"/volume/rows": null})
}

test_complete_denies_a_text_as_a_list if {
	shape.broken == {"data"} with input as fx.set(fx.reader, {"/data/subject_countries": "JP"})
}

test_complete_denied_without_any_section if {
	every section in object.keys(fx.reader) {
		sekisho.decision.effect == "deny" with input as fx.without(fx.reader, section)
	}
}

test_complete_denies_what_is_no_object if {
	every junk in [[], null, "allow", 1, true, {}, {"subject": 1}] {
		sekisho.decision.effect == "deny" with input as junk
	}
}
