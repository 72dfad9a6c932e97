package house.volume_test

import data.house.volume
import data.sekisho
import data.sekisho.fixtures_test as fx

test_volume_passes_below_the_limit if {
	"house-volume" in volume.passed with input as fx.reader
	volume.headroom == 1000000 with input as fx.reader
}

test_volume_denies_at_the_limit if {
	not "house-volume" in volume.passed with input as fx.set(fx.reader, {"/volume/rows": 10})
		with data.house.volume.rows_per_day as 10
}

test_volume_denies_another_window if {
	not "house-volume" in volume.passed with input as fx.set(fx.reader, {"/volume/window": "P12M"})
}

test_volume_passes_data_about_nobody if {
	"house-volume" in volume.passed with input as fx.set(fx.nobody, {"/volume/rows": 9000000})
}

test_volume_denied_without_rows if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "volume/rows")
}

test_volume_denied_without_window if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "volume/window")
}

test_volume_denied_without_volume if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "volume")
}

test_findings_name_the_fact_that_failed if {
	_facts(fx.set(fx.reader, {"/volume/rows": 1000000})) == {"volume.rows"}
	_facts(fx.set(fx.reader, {"/volume/window": "P12M"})) == {"volume.window"}
}

_facts(document) := facts if {
	facts := {f.fact | some f in volume.findings} with input as document
}

_limit := {
	"data_types": ["user.contact", "user.name"],
	"subject_country": "JP",
	"unit": "person",
	"window": "P12M",
	"max": 1000,
}

test_subjects_limit_is_handed_on if {
	sekisho.decision.limits == [object.union(_limit, {"mode": "enforce"})] with input as fx.reader
		with data.house.volume.subject_limits as [_limit]
}

test_subjects_limit_smallest_wins if {
	limits := sekisho.decision.limits with input as fx.reader
		with data.house.volume.subject_limits as [_limit, object.union(_limit, {"max": 7})]
	[l.max | some l in limits] == [7]
}

test_subjects_limit_of_another_window_stands_beside_it if {
	limits := sekisho.decision.limits with input as fx.reader
		with data.house.volume.subject_limits as [_limit, object.union(_limit, {"window": "year", "max": 7})]
	count(limits) == 2
}

test_subjects_limit_of_a_shadow_rule_says_so if {
	limits := sekisho.decision.limits with input as fx.reader
		with data.house.volume.subject_limits as [_limit]
		with data.house.volume.rules["house-subjects-limit"].mode as "shadow"
	{l.mode | some l in limits} == {"shadow"}
}

test_subjects_limit_of_other_data_is_none if {
	sekisho.decision.limits == [] with input as fx.reader
		with data.house.volume.subject_limits as [object.union(_limit, {"data_types": ["user.biometric"]})]
}

test_subjects_limit_denies_where_counts_are_not_available if {
	decision := sekisho.decision with input as fx.set(fx.reader, {"/volume/available": false})
		with data.house.volume.subject_limits as [_limit]
	decision.effect == "deny"
	decision.limits == []
	{f.rule | some f in decision.findings} == {"house-subjects-limit"}
}

test_subjects_limit_needs_no_counts_without_one if {
	sekisho.decision.effect == "allow" with input as fx.set(fx.reader, {"/volume/available": false})
}

test_subjects_limit_denied_without_available if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "volume/available")
		with data.house.volume.subject_limits as [_limit]
}
