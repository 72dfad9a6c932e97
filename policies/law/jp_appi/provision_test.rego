package law.jp_appi_test

import data.law.jp_appi
import data.sekisho
import data.sekisho.fixtures_test as fx

test_appi_28_passes_the_controllers_own_people if "jp-appi-28" in jp_appi.passed with input as fx.reader

test_appi_28_passes_a_contractor_in_japan if "jp-appi-28" in jp_appi.passed with input as fx.contractor

test_appi_28_passes_a_country_named_with_consent if "jp-appi-28" in jp_appi.passed with input as fx.korean

test_appi_28_passes_data_about_nobody if "jp-appi-28" in jp_appi.passed with input as fx.nobody

test_appi_28_passes_subjects_elsewhere if {
	"jp-appi-28" in jp_appi.passed with input as fx.set(fx.affiliate, {"/data/subject_countries": ["TH"]})
}

test_appi_28_passes_a_designated_country if {
	"jp-appi-28" in jp_appi.passed with input as fx.set(fx.affiliate, {"/employer/chain/1/country": "DE"})
}

test_appi_28_passes_an_equivalent_system_checked_within_a_year if {
	"jp-appi-28" in jp_appi.passed with input as fx.set(fx.affiliate, {"/agreements": [_agreement(365, "noted")]})
}

test_appi_28_denies_an_equivalent_system_checked_before_that if {
	not "jp-appi-28" in jp_appi.passed with input as fx.set(fx.affiliate, {"/agreements": [_agreement(366, "noted")]})
}

test_appi_28_denies_an_equivalent_system_never_checked if {
	not "jp-appi-28" in jp_appi.passed with input as fx.set(fx.affiliate, {"/agreements": [_agreement(null, "noted")]})
}

test_appi_28_denies_an_equivalent_system_that_cannot_be_secured if {
	not "jp-appi-28" in jp_appi.passed with input as fx.set(
		fx.affiliate,
		{"/agreements": [_agreement(1, "cannot_secure")]},
	)
}

test_appi_28_denies_without_consent if {
	not "jp-appi-28" in jp_appi.passed with input as fx.set(fx.korean, {"/disclosures/0/consent": false})
}

test_appi_28_denies_at_hop_1 if {
	jp_appi.findings == {{
		"rule": "jp-appi-28",
		"reason": "policy_denied",
		"message": concat("", [
			"Shanghai LINE Digital Technology (hop 1 of the employer chain, CN) is a third party in a foreign country ",
			"that users were not told of: CN is not named in the notice in force",
		]),
		"fact": "employer.chain[1].country",
		"value": "CN",
		"remedy": concat("", [
			"consent to a notice that names CN, or an equivalent-system agreement with Shanghai LINE Digital Technology ",
			"checked within 365 days",
		]),
	}} with input as fx.affiliate
}

test_appi_28_denies_at_hop_2 if {
	{f.fact | some f in jp_appi.findings} == {"employer.chain[2].country"} with input as fx.subcontractor
}

test_appi_28_is_not_in_force_before_april_2022 if {
	{f.rule | some f in sekisho.decision.findings} == {"promise-disclosure"} with input as fx.set(
		fx.affiliate,
		{"/time": "2022-03-31T00:00:00Z", "/date": "2022-03-31"},
	)
}

test_appi_28_denied_without_chain if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.affiliate, "employer/chain")
}

test_appi_28_denied_without_country if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.affiliate, "employer/chain/1/country")
}

test_appi_28_denied_without_subjects if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.affiliate, "data/subject_countries")
}

test_appi_28_denied_without_disclosures if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.affiliate, "disclosures")
}

test_appi_28_denied_without_agreements if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.affiliate, "agreements")
}

_agreement(age, risk) := {
	"id": "eq",
	"kind": "equivalent_system",
	"entity": "line-cn",
	"last_check_age_days": age,
	"foreign_law_risk": risk,
	"data_types": [],
	"scheme": null,
	"tia_age_days": null,
	"tia_outcome": null,
	"onward_ban": false,
	"access_control": null,
}

test_appi_28_says_where_a_named_country_is_not_enough if {
	some f in jp_appi.findings with input as fx.set(fx.korean, {"/disclosures/0/consent": false})
	contains(f.message, "users did not consent to for user.payment, user.unique_id: KR is named in the notice in force")
}
