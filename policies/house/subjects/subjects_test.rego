package house.subjects_test

import data.house.subjects
import data.sekisho
import data.sekisho.fixtures_test as fx

test_subject_known_passes_declared_subjects if "house-subject-known" in subjects.passed with input as fx.reader

test_subject_known_denies_undeclared_ones if {
	not "house-subject-known" in subjects.passed with input as fx.set(fx.reader, {"/data/subject_known": false})
	not "house-subject-known" in subjects.passed with input as fx.set(fx.reader, {"/data/subject_countries": []})
}

test_special_care_passes_other_data if "house-special-care" in subjects.passed with input as fx.korean

test_special_care_passes_subjects_elsewhere if {
	"house-special-care" in subjects.passed with input as fx.set(fx.korean_health, {"/data/subject_countries": ["KR"]})
}

test_special_care_denies_a_reader_from_abroad if {
	not "house-special-care" in subjects.passed with input as fx.korean_health
	{f.value | some f in subjects.findings; f.rule == "house-special-care"} == {"KR"} with input as fx.korean_health
}

test_special_care_denies_a_type_above_a_special_one if {
	not "house-special-care" in subjects.passed with input as fx.set(fx.korean_health, {"/data/data_types": ["user"]})
}

test_messages_mfa_passes_a_second_factor if "house-messages-mfa" in subjects.passed with input as fx.messages

test_messages_mfa_passes_other_data if {
	"house-messages-mfa" in subjects.passed with input as fx.set(fx.reader, {"/principal/mfa": false})
}

test_messages_mfa_speaks_without_it_and_only_counts if {
	not "house-messages-mfa" in subjects.passed with input as _without_mfa
	decision := sekisho.decision with input as _without_mfa
	decision.effect == "allow"
	{[f.rule, f.mode] | some f in decision.findings} == {["house-messages-mfa", "shadow"]}
}

test_subject_known_denied_without_known if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "data/subject_known")
}

test_subject_known_denied_without_countries if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "data/subject_countries")
}

test_special_care_denied_without_types if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.korean_health, "data/data_types")
}

test_special_care_denied_without_origin if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.korean_health, "origin/countries")
}

test_messages_mfa_denied_without_mfa if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.messages, "principal/mfa")
}

_without_mfa := fx.set(fx.messages, {"/principal/mfa": false})

test_findings_name_the_fact_that_failed if {
	_facts(fx.set(fx.reader, {"/data/subject_known": false})) == {"data.subject_known"}
	_facts(fx.set(fx.korean_health, {"/data/subject_known": false})) == {"data.subject_known", "employer.chain[1].country"}
}

_facts(document) := facts if {
	facts := {f.fact | some f in subjects.findings} with input as document
}
