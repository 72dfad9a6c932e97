package sekisho.transfers_test

import data.sekisho.fixtures_test as fx
import data.sekisho.transfers

_recipient := {"country": "US", "entity": "line-cn", "name": "x", "designations": ["government"]}

_entry(change) := object.union({"country": "US", "from": "2020-01-01", "to": null, "citation": "c"}, change)

_adequate(change) if transfers.adequate("eu", [_entry(change)], _recipient) with input as fx.affiliate

test_a_dated_list if {
	_adequate({})
	_adequate({"to": "2026-11-22"})
	not _adequate({"to": "2026-11-21"})
	not _adequate({"from": "2026-11-22"})
	not _adequate({"country": "GB"})
}

test_what_a_decision_leaves_out if {
	not _adequate({"excluded_designations": ["government"]})
	_adequate({"excluded_designations": ["telecom"]})
	not _adequate({"excluded_data_types": ["user.name"]})
	_adequate({"excluded_data_types": ["user.payment"]})
}

test_a_scheme_needs_a_certification if {
	not _adequate({"scheme": "dpf"})
	certified := fx.set(fx.affiliate, {"/agreements": [{
		"entity": "line-cn",
		"kind": "certification",
		"scheme": "dpf",
		"data_types": [],
	}]})
	transfers.adequate("eu", [_entry({"scheme": "dpf"})], _recipient) with input as certified
}

test_recipients_are_other_legal_persons_and_where_they_sit if {
	{[r.fact, r.country] | some r in transfers.recipients} == {["employer.chain[1].country", "CN"]} with input as fx.affiliate
	count(transfers.recipients) == 0 with input as fx.traveller
	elsewhere := fx.set(fx.affiliate, {"/location/countries": ["SG"], "/principal/residence": "MY"})
	{r.country | some r in transfers.recipients} == {"CN", "SG", "MY"} with input as elsewhere
}

test_data_leaves_where_it_lies_and_where_its_controller_is if {
	transfers.leaves(["JP"]) with input as fx.reader
	not transfers.leaves(["TH"]) with input as fx.reader
	transfers.leaves(["TH"]) with input as fx.set(fx.reader, {"/data/storage_countries": ["TH"]})
	transfers.leaves(["TH"]) with input as fx.set(fx.reader, {"/datasource/storage_countries": ["TH"]})
	transfers.leaves(["TH"]) with input as fx.set(fx.reader, {"/datasource/controller/country": null})
}

test_safeguards_that_are_checked if {
	terms := {"kinds": {"scc": null}, "tia_days": null, "check_days": 30}
	agreement := {
		"entity": "line-cn",
		"kind": "scc",
		"scheme": null,
		"foreign_law_risk": "none",
		"data_types": [],
		"last_check_age_days": 30,
	}
	transfers.safeguarded(terms, _recipient) with input as fx.set(fx.affiliate, {"/agreements": [agreement]})
	older := object.union(agreement, {"last_check_age_days": 31})
	not transfers.safeguarded(terms, _recipient) with input as fx.set(fx.affiliate, {"/agreements": [older]})
}

test_consent_that_need_not_be_separate if {
	consent := {
		"subject_country": "JP",
		"status": "given",
		"separate": false,
		"informed": [],
		"row_filter": null,
	}
	terms := {"separate": false, "informed": []}
	transfers.agreed(["JP"], terms) with input as fx.set(fx.affiliate, {"/consents": [consent]})
	not transfers.agreed(["SG"], terms) with input as fx.set(fx.affiliate, {"/consents": [consent]})
}

test_exemptions_stand_in_the_contract if {
	exempted := fx.set(fx.contractor, {"/employer/contracts/0/exemptions": ["hr"]})
	recipient := {"entity": "jp-monitor"}
	transfers.exempt(["hr"], recipient) with input as exempted
	not transfers.exempt(["other"], recipient) with input as exempted
	not transfers.exempt(["hr"], {"entity": "line-jp"}) with input as exempted
}
