package house.employer_test

import data.house.employer
import data.sekisho
import data.sekisho.fixtures_test as fx

test_kill_switch_passes_without_a_block if "house-kill-switch" in employer.passed with input as fx.reader

test_kill_switch_denies_a_block_by_either_word if {
	not "house-kill-switch" in employer.passed with input as fx.set(fx.nobody, {"/employer/blocked_by": "stop"})
	not "house-kill-switch" in employer.passed with input as fx.set(fx.nobody, {"/employer/blocked": true})
}

test_employer_known_passes_whoever_is_registered if "house-employer-known" in employer.passed with input as fx.reader

test_employer_known_denies_whoever_is_not if {
	not "house-employer-known" in employer.passed with input as fx.unknown
	{f.rule | some f in employer.findings} == {"house-employer-known"} with input as fx.unknown
}

test_employer_known_denies_unknown_sub_contractors if {
	not "house-employer-known" in employer.passed with input as fx.set(fx.contractor, {"/employer/complete": false})
}

test_employer_known_passes_data_about_nobody if {
	"house-employer-known" in employer.passed with input as fx.set(fx.nobody, {"/employer/known": false})
}

test_chain_visible_passes_a_whole_chain if "house-chain-visible" in employer.passed with input as fx.subcontractor

test_chain_visible_denies_a_country_nobody_knows if {
	not "house-chain-visible" in employer.passed with input as fx.set(
		fx.subcontractor,
		{"/employer/chain/1/country": null},
	)
}

test_chain_visible_denies_a_gap if {
	not "house-chain-visible" in employer.passed with input as fx.without(fx.subcontractor, "employer/chain/1")
	not "house-chain-visible" in employer.passed with input as fx.set(fx.subcontractor, {"/employer/chain": []})
}

test_moderation_purpose_passes_what_the_contract_covers if {
	"house-moderation-purpose" in employer.passed with input as fx.contractor
}

test_moderation_purpose_passes_who_needs_no_contract if {
	"house-moderation-purpose" in employer.passed with input as fx.reader
}

test_moderation_purpose_denies_what_it_does_not_cover if {
	not "house-moderation-purpose" in employer.passed with input as fx.set(
		fx.contractor,
		{"/data/data_types": ["user.contact.email"]},
	)
}

test_moderation_purpose_denies_a_contract_without_a_purpose if {
	not "house-moderation-purpose" in employer.passed with input as fx.set(
		fx.contractor,
		{"/employer/contracts/0/purpose": ""},
	)
}

test_moderation_purpose_denies_a_relation_it_does_not_know if {
	not "house-moderation-purpose" in employer.passed with input as fx.set(fx.contractor, {"/employer/relation": "agent"})
}

test_kill_switch_denied_without_blocked if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.nobody, "employer/blocked")
}

test_kill_switch_denied_without_blocked_by if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.nobody, "employer/blocked_by")
}

test_employer_known_denied_without_known if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "employer/known")
}

test_employer_known_denied_without_complete if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "employer/complete")
}

test_chain_visible_denied_without_chain if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "employer/chain")
}

test_chain_visible_denied_without_hop if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "employer/chain/0/hop")
}

test_moderation_purpose_denied_without_contracts if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.contractor, "employer/contracts")
}

test_moderation_purpose_denied_without_contract if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.contractor, "employer/chain/1/contract")
}

test_moderation_purpose_denied_without_purpose if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.contractor, "employer/contracts/0/purpose")
}

test_moderation_purpose_denied_without_relation if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.contractor, "employer/relation")
}

test_findings_name_the_fact_that_failed if {
	_facts(fx.set(fx.nobody, {"/employer/blocked_by": "stop"})) == {"employer.blocked_by"}
	_facts(fx.set(fx.contractor, {"/employer/complete": false, "/employer/note": "why"})) == {"employer.complete"}
	_facts(fx.set(fx.contractor, {"/employer/chain/1/country": null})) == {"employer.chain[1].country"}
	_facts(fx.set(fx.contractor, {"/employer/chain/1/hop": 7})) == {"employer.chain"}
	_facts(fx.set(fx.contractor, {"/employer/contracts": []})) == {"employer.chain[1].contract"}
	_facts(fx.set(fx.reader, {"/employer/relation": "agent"})) == {"employer.relation"}
}

_facts(document) := facts if {
	facts := {f.fact | some f in employer.findings} with input as document
}
