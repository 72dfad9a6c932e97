package law.jp_appi_trustees_test

import data.law.jp_appi
import data.sekisho
import data.sekisho.fixtures_test as fx

_passes(rule, document) if {
	passed := jp_appi.passed with input as document
	rule in passed
}

_of(rule, document) := {f | some f in every_finding; f.rule == rule} if {
	every_finding := jp_appi.findings with input as document
}

test_appi_27_passes_what_a_contract_entrusts if {
	_passes("jp-appi-27", fx.contractor)
	_passes("jp-appi-27", fx.reader)
	_passes("jp-appi-27", fx.nobody)
}

test_appi_27_leaves_parties_abroad_to_article_28 if _passes("jp-appi-27", fx.affiliate)

test_appi_27_denies_what_the_contract_does_not_cover if {
	document := fx.set(fx.contractor, {"/data/data_types": ["user.name"]})
	not _passes("jp-appi-27", document)
	{[f.fact, f.value] | some f in _of("jp-appi-27", document)} == {["employer.chain[1].contract", "timeline-monitoring"]}
}

test_appi_27_denies_without_contract if not _passes("jp-appi-27", fx.set(fx.contractor, {"/employer/contracts": []}))

test_appi_27_passes_consent_and_cases_of_the_law if {
	told := {"notice": "privacy-notice-2022-04", "country": "JP", "entities": [], "data_types": ["user"], "consent": true}
	_passes("jp-appi-27", fx.set(fx.contractor, {"/employer/contracts": [], "/disclosures": [told]}))
	document := fx.set(fx.contractor, {"/data/data_types": ["user.name"]})
	_passes("jp-appi-27", fx.set(document, {"/employer/contracts/0/exemptions": ["appi-27-1-3"]}))
	not _passes("jp-appi-27", fx.set(document, {"/employer/contracts/0/exemptions": ["202.504"]}))
}

test_appi_27_denied_without_contracts_field if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.contractor, "employer/contracts")
	sekisho.decision.effect == "deny" with input as fx.without(fx.contractor, "employer/chain/1/contract")
}

test_appi_25_passes_a_chain_known_to_its_end if {
	_passes("jp-appi-25", fx.contractor)
	_passes("jp-appi-25", fx.subcontractor)
	_passes("jp-appi-25", fx.affiliate)
	_passes("jp-appi-25", fx.nobody)
}

test_appi_25_denies_unknown_subcontractors if {
	document := fx.set(fx.contractor, {"/employer/contracts/0/subcontractors": "unknown"})
	not _passes("jp-appi-25", document)
	some f in _of("jp-appi-25", document)
	contains(f.message, "whether it has sub-contractors is not known")
}

test_appi_25_denies_a_contract_that_is_not_recorded if {
	document := fx.set(fx.contractor, {"/employer/contracts": []})
	not _passes("jp-appi-25", document)
	some f in _of("jp-appi-25", document)
	contains(f.message, "its contract is not recorded")
}

test_appi_25_denied_without_subcontractors_field if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.contractor, "employer/contracts/0/subcontractors")
}
