package house.china_test

import data.house.china
import data.sekisho
import data.sekisho.fixtures_test as fx

_thai := fx.set(fx.affiliate, {"/data/subject_countries": ["TH"]})

test_china_passes_who_brings_no_china if "house-china-2021" in china.passed with input as fx.reader

test_china_passes_nobody_and_a_service_elsewhere if {
	"house-china-2021" in china.passed with input as fx.nobody
	"house-china-2021" in china.passed with input as _thai
}

test_china_denies_people_in_japan_and_the_app if {
	not "house-china-2021" in china.passed with input as fx.affiliate
	{f.value | some f in china.findings} == {"CN"} with input as fx.affiliate
	not "house-china-2021" in china.passed with input as fx.set(_thai, {"/datasource/id": "line-app"})
	not "house-china-2021" in china.passed with input as fx.traveller
}

test_china_denies_subjects_nobody_knows if {
	unknown := fx.set(_thai, {"/data/subject_known": false, "/data/subject_countries": []})
	not "house-china-2021" in china.passed with input as unknown
}

test_china_is_asked_where_it_is_chosen if {
	disclosed := {"/disclosures": [
		{"notice": "privacy-notice-2022-04", "country": "CN", "entities": [], "data_types": ["user"], "consent": true},
		{"notice": "privacy-notice-2022-04", "country": "KR", "entities": [], "data_types": ["user"], "consent": true},
	]}
	sekisho.decision.effect == "allow" with input as fx.set(fx.affiliate, disclosed)
	decision := sekisho.decision with input as fx.set(fx.affiliate, object.union(disclosed, {"/datasource/id": "line-app"}))
	{f.rule | some f in decision.findings} == {"house-china-2021"}
}

test_china_denied_without_residence if {
	sekisho.decision.effect == "deny" with input as fx.without(_thai, "principal/residence")
}
