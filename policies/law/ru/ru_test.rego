package law.ru_test

import data.law.ru
import data.sekisho
import data.sekisho.fixtures_test as fx

# The Korean affiliate reads payments of a controller in RU.
_reader := fx.set(fx.korean, {
	"/datasource/controller/country": "RU",
	"/data/subject_countries": ["RU"],
	"/data/storage_countries": ["RU"],
})

_agreement(kind, scheme) := {
	"id": "a",
	"kind": kind,
	"entity": "line-plus",
	"last_check_age_days": 10,
	"foreign_law_risk": "none",
	"data_types": [],
	"scheme": scheme,
	"tia_age_days": null,
	"tia_outcome": null,
	"onward_ban": false,
	"access_control": null,
}

_consent := {
	"notice": "n",
	"subject_country": "RU",
	"status": "given",
	"separate": true,
	"informed": ["inadequate"],
	"row_filter": null,
}

_entry(country, accepted) := {
	"regime": "ru",
	"country": country,
	"accepted": accepted,
	"scope": "",
	"excluded_data_types": [],
	"citation": "registry",
}

_passed(document) := passed if {
	passed := ru.passed with input as document
}

_facts(document) := facts if {
	facts := {[f.rule, f.fact] | some f in ru.findings} with input as document
}

test_all_pass_nobody_and_people_elsewhere if {
	"ru-152fz-18-5" in _passed(fx.nobody)
	"ru-152fz-18-5" in _passed(fx.affiliate)
}

_writer := fx.set(_reader, {"/statement/effect": "write"})

test_18_5_passes_reading_and_a_database_there if {
	"ru-152fz-18-5" in _passed(fx.set(_reader, {"/data/storage_countries": ["JP"]}))
	"ru-152fz-18-5" in _passed(_writer)
}

test_18_5_denies_recording_abroad if {
	abroad := fx.set(_writer, {"/data/storage_countries": ["RU", "JP"]})
	not "ru-152fz-18-5" in _passed(abroad)
	_facts(abroad) == {["ru-152fz-18-5", "data.storage_countries"]}
	not "ru-152fz-18-5" in _passed(fx.set(_writer, {"/data/storage_countries": []}))
}

test_18_5_denied_without_effect if sekisho.decision.effect == "deny" with input as fx.without(_writer, "statement/effect")
