package law.vn_test

import data.law.vn
import data.sekisho
import data.sekisho.fixtures_test as fx

# The Korean affiliate reads payments of a controller in VN.
_reader := fx.set(fx.korean, {
	"/datasource/controller/country": "VN",
	"/data/subject_countries": ["VN"],
	"/data/storage_countries": ["VN"],
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
	"subject_country": "VN",
	"status": "given",
	"separate": true,
	"informed": ["inadequate"],
	"row_filter": null,
}

_entry(country, accepted) := {
	"regime": "vn",
	"country": country,
	"accepted": accepted,
	"scope": "",
	"excluded_data_types": [],
	"citation": "registry",
}

_passed(document) := passed if {
	passed := vn.passed with input as document
}

_facts(document) := facts if {
	facts := {[f.rule, f.fact] | some f in vn.findings} with input as document
}

test_all_pass_nobody_and_people_elsewhere if {
	"vn-pdpl-dossier" in _passed(fx.nobody)
	"vn-pdpl-dossier" in _passed(fx.affiliate)
}

test_dossier_is_counted_where_none_is_recorded if {
	not "vn-pdpl-dossier" in _passed(_reader)
	_facts(_reader) == {["vn-pdpl-dossier", "employer.chain[1].country"]}
	decision := sekisho.decision with input as _reader
	{f.mode | some f in decision.findings; f.rule == "vn-pdpl-dossier"} == {"shadow"}
}

test_dossier_passes_a_recorded_one if {
	"vn-pdpl-dossier" in _passed(fx.set(_reader, {"/agreements": [_agreement("certification", "vn_dossier")]}))
	not "vn-pdpl-dossier" in _passed(fx.set(_reader, {"/agreements": [_agreement("certification", "other")]}))
}

test_dossier_denied_without_agreements if {
	sekisho.decision.effect == "deny" with input as fx.without(_reader, "agreements")
}
