package house.location_test

import data.house.location
import data.sekisho
import data.sekisho.fixtures_test as fx

test_location_known_passes_a_site if "house-location-known" in location.passed with input as fx.reader

test_location_known_passes_data_about_nobody if {
	"house-location-known" in location.passed with input as fx.set(fx.nobody, {"/location/known": false})
}

test_location_known_denies_what_is_not_known if {
	not "house-location-known" in location.passed with input as fx.set(fx.reader, {"/location/known": false})
	not "house-location-known" in location.passed with input as fx.set(fx.reader, {"/location/countries": []})
}

test_location_known_denies_a_conflict if {
	not "house-location-known" in location.passed with input as fx.set(fx.reader, {"/location/conflict": true})
}

test_location_known_denies_what_is_only_declared if {
	not "house-location-known" in location.passed with input as fx.set(fx.reader, {"/location/confidence": "declared"})
}

test_trip_mask_asks_for_masks_on_a_trip if {
	masks := {[o.column, o.method] | some o in location.obligations} with input as fx.traveller
	masks == {["email", "domain"], ["phone", "partial"]}
	"house-trip-mask" in location.passed with input as fx.traveller
}

test_trip_mask_asks_for_none_at_home if {
	count(location.obligations) == 0 with input as fx.reader
	"house-trip-mask" in location.passed with input as fx.reader
}

test_trip_mask_denies_a_column_no_method_fits if {
	not "house-trip-mask" in location.passed with input as fx.traveller
		with data.house.location.trip_masks as {"user.contact": false}
}

test_location_known_denied_without_known if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "location/known")
}

test_location_known_denied_without_conflict if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "location/conflict")
}

test_location_known_denied_without_confidence if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "location/confidence")
}

test_location_known_denied_without_countries if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "location/countries")
}

test_trip_mask_denied_without_stay if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.traveller, "principal/stay")
}

test_trip_mask_denied_without_same_entity if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.traveller, "employer/same_legal_entity")
}

test_trip_mask_denied_without_labels if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.traveller, "data/columns/1/data_types")
}

test_findings_name_the_fact_that_failed if {
	_facts(fx.set(fx.reader, {"/location/known": false, "/location/note": "why"})) == {"location.known"}
	_facts(fx.set(fx.reader, {"/location/conflict": true})) == {"location.conflict"}
	_facts(fx.set(fx.reader, {"/location/confidence": "declared"})) == {"location.confidence"}
}

_facts(document) := facts if {
	facts := {f.fact | some f in location.findings} with input as document
}

_far := fx.set(fx.traveller, {"/data/subject_countries": ["FR"]})

test_trip_approval_passes_a_ticket if {
	"house-trip-approval" in location.passed with input as fx.set(_far, {"/principal/ticket": "T-1"})
}

test_trip_approval_passes_people_elsewhere_and_trips_within if {
	"house-trip-approval" in location.passed with input as fx.traveller
	"house-trip-approval" in location.passed with input as fx.reader
	"house-trip-approval" in location.passed with input as fx.set(_far, {"/location/countries": ["DE"]})
}

test_trip_approval_denies_without_one if {
	not "house-trip-approval" in location.passed with input as _far
	not "house-trip-approval" in location.passed with input as fx.set(_far, {"/principal/ticket": ""})
	{f.fact | some f in location.findings} == {"principal.ticket"} with input as _far
}

test_trip_approval_denied_without_ticket if {
	sekisho.decision.effect == "deny" with input as fx.without(_far, "principal/ticket")
}
