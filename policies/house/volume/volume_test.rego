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
