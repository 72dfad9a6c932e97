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

test_appi_28_denies_without_consent if {
	not "jp-appi-28" in jp_appi.passed with input as fx.set(fx.korean, {"/disclosures/0/consent": false})
}

test_appi_28_denies_at_hop_1 if {
	_of("jp-appi-28", fx.affiliate) == {{
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
	}}
}

test_appi_28_denies_at_hop_2 if {
	{f.fact | some f in _of("jp-appi-28", fx.subcontractor)} == {"employer.chain[2].country"}
}

test_appi_28_is_not_in_force_before_april_2022 if {
	found := sekisho.decision.findings with input as fx.set(fx.affiliate, {
		"/time": "2022-03-31T00:00:00Z",
		"/date": "2022-03-31",
		"/consents/0/informed": ["third_country"],
	})
	{f.rule | some f in found} == {"jp-appi-22", "promise-disclosure"}
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
	some f in _of("jp-appi-28", fx.set(fx.korean, {"/disclosures/0/consent": false}))
	contains(f.message, "users did not consent to for user.payment, user.unique_id: KR is named in the notice in force")
}

_of(rule, document) := {f | some f in every_finding; f.rule == rule} if {
	every_finding := jp_appi.findings with input as document
}

_passes(rule, document) if {
	passed := jp_appi.passed with input as document
	rule in passed
}

_us(country) := fx.set(fx.affiliate, {
	"/employer/chain/1/country": country,
	"/disclosures": [{
		"notice": "privacy-notice-2022-04",
		"country": country,
		"entities": [],
		"data_types": ["user"],
		"consent": true,
	}],
})

test_appi_28_denies_whom_nobody_knows if {
	not _passes("jp-appi-28", fx.unknown)
	{[f.fact, f.value] | some f in _of("jp-appi-28", fx.unknown)} == {["employer.known", false]}
}

test_appi_28_passes_consent_to_a_candidate_country if {
	_passes("jp-appi-28", fx.set(_us("US"), {"/consents/0/informed": ["candidates", "country_unknown_reason"]}))
}

test_appi_28_denies_consent_without_information if {
	document := fx.set(_us("US"), {"/consents/0/informed": ["measures"]})
	not _passes("jp-appi-28", document)
	{f.fact | some f in _of("jp-appi-28", document)} == {"consents[0].informed"}
}

test_appi_28_denies_consent_withdrawn if {
	document := fx.set(_us("US"), {"/consents/0/status": "withdrawn"})
	not _passes("jp-appi-28", document)
	{[f.fact, f.value] | some f in _of("jp-appi-28", document)} == {["consents[0].status", "withdrawn"]}
}

test_appi_28_denies_consent_of_others if {
	document := fx.set(_us("US"), {"/consents/0/subject_country": "TH"})
	{f.fact | some f in _of("jp-appi-28", document)} == {"consents"}
}

test_appi_28_denies_consent_to_another_notice if {
	document := fx.set(_us("US"), {"/consents/0/notice": "elder"})
	{f.value | some f in _of("jp-appi-28", document)} == {["elder"]}
}

_by_rows := fx.set(fx.korean, {
	"/consents/0/status": "given_by_some",
	"/consents/0/row_filter": "consented",
	"/data/relations/0/row_filters": ["consented"],
})

test_appi_28_asks_for_the_rows_of_those_who_consented if {
	_passes("jp-appi-28", _by_rows)
	asked := jp_appi.obligations with input as _by_rows
	asked == {{"rule": "jp-appi-28", "kind": "row_filter", "relation": "public.payments", "predicate": "consented"}}
	decision := sekisho.decision with input as _by_rows
	decision.obligations == [{"kind": "row_filter", "relation": "public.payments", "predicate": "consented"}]
}

test_appi_28_asks_for_no_rows_where_all_consented if {
	asked := jp_appi.obligations with input as fx.korean
	count(asked) == 0
}

test_appi_28_denies_rows_that_no_filter_fits if {
	every document in [
		fx.set(_by_rows, {"/data/relations/0/row_filters": []}),
		fx.set(_by_rows, {"/data/relations": []}),
		fx.set(_by_rows, {"/statement/relations": ["public.payments", "public.users"]}),
		fx.set(_by_rows, {
			"/data/relations/0/subject_countries": [],
			"/data/relations/0/subject_known": false,
			"/data/relations/0/row_filters": [],
		}),
	] {
		not _passes("jp-appi-28", document)
		{f.fact | some f in _of("jp-appi-28", document)} == {"consents[0].row_filter"}
	}
}

test_appi_28_passes_a_provider_that_does_not_handle if {
	cloud := object.union(_agreement(null, "noted"), {"kind": "no_handling", "access_control": true})
	_passes("jp-appi-28", fx.set(fx.affiliate, {"/agreements": [cloud], "/data/data_types": []}))
	not _passes("jp-appi-28", fx.set(fx.affiliate, {"/agreements": [cloud]}))
}

test_appi_28_passes_a_business_operator_in_japan if {
	_passes("jp-appi-28", fx.set(fx.affiliate, {"/employer/chain/1/designations": ["jp_business_operator"]}))
}

test_appi_28_passes_a_case_of_article_27 if {
	contract := fx.contractor.employer.contracts[0]
	exempt := object.union(contract, {"exemptions": ["appi-27-1-2"]})
	changes := {"/employer/chain/1/contract": contract.id, "/employer/contracts": [exempt]}
	_passes("jp-appi-28", fx.set(fx.affiliate, changes))
}

_recognised(accepted, excluded) := [{
	"regime": "jp",
	"country": "DE",
	"accepted": accepted,
	"scope": "",
	"excluded_data_types": excluded,
	"citation": "x",
}]

_german(entries) := fx.set(fx.affiliate, {"/employer/chain/1/country": "DE", "/adequacy": entries})

test_appi_28_hears_what_the_registry_adds_and_takes if {
	_passes("jp-appi-28", _german(_recognised(true, [])))
	not _passes("jp-appi-28", _german(_recognised(false, [])))
	not _passes("jp-appi-28", _german(_recognised(true, ["user.name"])))
	added := fx.set(fx.affiliate, {"/adequacy": [object.union(_recognised(true, [])[0], {"country": "CN"})]})
	_passes("jp-appi-28", added)
}

test_appi_28_3_passes_a_system_that_is_looked_after if {
	_passes("jp-appi-28-3", fx.set(fx.affiliate, {"/agreements": [_agreement(365, "noted")]}))
}

test_appi_28_3_passes_other_ways if {
	every document in [fx.reader, fx.korean, fx.nobody, fx.unknown] {
		_passes("jp-appi-28-3", document)
	}
	_passes("jp-appi-28-3", fx.set(fx.korean, {"/agreements": [object.union(_agreement(null, "none"), {"entity": "line-plus"})]}))
	_passes("jp-appi-28-3", fx.set(fx.affiliate, {"/agreements": [_agreement(366, "none"), _agreement(1, "none")]}))
}

test_appi_28_3_denies_a_system_checked_too_long_ago if {
	document := fx.set(fx.affiliate, {"/agreements": [_agreement(366, "noted")]})
	not _passes("jp-appi-28-3", document)
	{[f.fact, f.value] | some f in _of("jp-appi-28-3", document)} == {["agreements[0].last_check_age_days", 366]}
}

test_appi_28_3_denies_a_system_never_checked if {
	document := fx.set(fx.affiliate, {"/agreements": [_agreement(null, "noted")]})
	not _passes("jp-appi-28-3", document)
	some f in _of("jp-appi-28-3", document)
	contains(f.message, "never checked")
}

test_appi_28_3_denies_a_system_that_cannot_be_secured if {
	document := fx.set(fx.affiliate, {"/agreements": [_agreement(1, "cannot_secure")]})
	not _passes("jp-appi-28-3", document)
	{f.fact | some f in _of("jp-appi-28-3", document)} == {"agreements[0].foreign_law_risk"}
}

test_appi_28_3_passes_a_certificate_of_the_cbpr_and_no_other if {
	certificate := object.union(_agreement(1, "none"), {"kind": "certification", "scheme": "cbpr"})
	_passes("jp-appi-28", fx.set(fx.affiliate, {"/agreements": [certificate]}))
	other := object.union(certificate, {"scheme": "dpf"})
	not _passes("jp-appi-28", fx.set(fx.affiliate, {"/agreements": [other]}))
}

test_appi_28_3_denied_without_a_field_of_the_agreement if {
	document := fx.set(fx.affiliate, {"/agreements": [_agreement(1, "none")]})
	sekisho.decision.effect == "deny" with input as fx.without(document, "agreements/0/last_check_age_days")
	sekisho.decision.effect == "deny" with input as fx.without(document, "agreements/0/foreign_law_risk")
}

test_appi_28_denied_without_consents if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.korean, "consents")
	sekisho.decision.effect == "deny" with input as fx.without(fx.korean, "consents/0/status")
	sekisho.decision.effect == "deny" with input as fx.without(fx.korean, "consents/0/informed")
	sekisho.decision.effect == "deny" with input as fx.without(fx.korean, "consents/0/row_filter")
}

test_appi_28_never_excuses_the_controllers_own_legal_person_twice if {
	own := fx.set(fx.affiliate, {"/employer/same_legal_entity": true, "/employer/entity": "line-cn"})
	_passes("jp-appi-28", own)
	not _passes("jp-appi-28", fx.set(own, {"/employer/entity": "line-jp"}))
}
