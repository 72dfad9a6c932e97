package law.us_dsp_test

import data.law.us_dsp
import data.sekisho
import data.sekisho.fixtures_test as fx

# A vendor's engineer in Japan reads health records that a US person holds.
_vendor := fx.set(fx.contractor, {
	"/datasource/controller/country": "US",
	"/principal/us_person": "no",
	"/employer/contracts/0/data_types": ["user"],
	"/employer/held": [_held("no")],
	"/data/subject_countries": ["US"],
	"/data/data_types": ["user.health_and_medical"],
	"/data/columns": [_column("summary", "output", "user.health_and_medical")],
})

# The same by somebody who lives in Dalian.
_covered := fx.set(_vendor, {"/principal/residence": "CN"})

_sold := fx.set(_covered, {"/employer/contracts/0/transaction": "data_brokerage"})

_held(answer) := {"test": "us-dsp-202", "hop": 1, "entity": "jp-monitor", "answer": answer, "note": "who holds it"}

_column(name, use, data_type) := {
	"relation": "public.records",
	"column": name,
	"use": use,
	"data_types": [data_type],
	"subject_countries": ["US"],
	"subject_known": true,
	"labelled": true,
}

_count(data_type, subjects) := {
	"data_type": data_type,
	"subject_country": "US",
	"unit": "person",
	"subjects": subjects,
	"subjects_this_year": 0,
	"rows": subjects,
}

_after(document, data_type, subjects) := fx.set(document, {"/volume/counts": [_count(data_type, subjects)]})

_health := "user.health_and_medical"

_genes := {
	"/data/data_types": ["user.health_and_medical.genetic"],
	"/data/columns": [_column("sequence", "output", "user.health_and_medical.genetic")],
}

_position := {
	"/data/data_types": ["user.location.precise"],
	"/data/columns": [_column("position", "output", "user.location.precise")],
}

_mask := {"rule": "us-dsp-401", "kind": "mask", "relation": "public.records", "column": "summary", "method": "null"}

_most(document) := most if {
	most := {[l.rule, l.max] | some l in us_dsp.limits} with input as document
}

_asked(document) := asked if {
	asked := us_dsp.obligations with input as document
}

_facts(document) := facts if {
	facts := {f.fact | some f in us_dsp.findings} with input as document
}

_all := {"us-dsp-301", "us-dsp-302", "us-dsp-303", "us-dsp-401"}

test_all_pass_who_is_not_covered if {
	us_dsp.passed == _all with input as _after(_vendor, _health, 50000)
	_asked(_after(_vendor, _health, 50000)) == set()
}

test_limits_say_what_is_counted_together if {
	us_dsp.limits == {{
		"rule": "us-dsp-401",
		"data_types": ["user.health", "user.health_and_medical"],
		"subject_country": "US",
		"unit": "person",
		"window": "P12M",
		"max": 10000,
	}} with input as _covered
}

test_all_pass_data_about_nobody if us_dsp.passed == _all with input as fx.nobody

test_all_pass_people_elsewhere if us_dsp.passed == _all with input as fx.affiliate

test_all_pass_an_exporter_that_is_no_us_person if {
	document := fx.set(_after(_covered, _health, 50000), {"/datasource/controller/country": "JP"})
	us_dsp.passed == _all with input as document
	_asked(document) == set()
}

test_an_exporter_may_be_a_database_a_link_or_somebody_unknown if {
	abroad := fx.set(_after(_covered, _health, 50000), {"/datasource/controller/country": "JP"})
	_asked(fx.set(abroad, {"/datasource/storage_countries": ["US"]})) == {_mask}
	_asked(fx.set(abroad, {"/data/storage_countries": ["US"]})) == {_mask}
	_asked(fx.set(abroad, {"/employer/chain/1/country": "US"})) == {_mask}
	_asked(fx.set(abroad, {"/datasource/controller/country": null})) == {_mask}
}

test_401_limits_below_the_threshold_and_masks_at_it if {
	_asked(_covered) == set()
	_most(_covered) == {["us-dsp-401", 10000]}
	_most(_after(_covered, _health, 9999)) == {["us-dsp-401", 10000]}
	_most(_after(_covered, _health, 10000)) == set()
	_asked(_after(_covered, _health, 10000)) == {_mask}
	_asked(_after(_covered, _health, 10001)) == {_mask}
}

test_401_masks_what_cannot_be_counted if {
	_asked(fx.set(_covered, {"/volume/available": false})) == {_mask}
	people := object.union(_count("user.location.precise", 1), {"unit": "person"})
	masks := _asked(fx.set(fx.set(_covered, _position), {"/volume/counts": [people]}))
	{o.kind | some o in masks} == {"mask"}
}

test_401_covers_whoever_is_not_shown_to_be_free if {
	_asked(_after(fx.set(_vendor, {"/employer/held": []}), _health, 10000)) == {_mask}
	_asked(_after(fx.set(_vendor, {"/employer/held": [_held("unknown")]}), _health, 10000)) == {_mask}
	_asked(_after(fx.set(_vendor, {"/employer/held": [_held("no"), _held("yes")]}), _health, 10000)) == {_mask}
	_asked(_after(fx.set(_vendor, {"/employer/known": false}), _health, 10000)) == {_mask}
	_asked(_after(fx.set(_vendor, {"/principal/residence": null}), _health, 10000)) == {_mask}
}

test_401_covers_whoever_is_designated if {
	designated := {"us-dsp-202": {"designated": [_vendor.principal.id]}}
	asked := us_dsp.obligations with input as _after(fx.set(_vendor, {"/principal/us_person": "yes"}), _health, 10000)
		with data.regimes.us.ownership_tests as designated
	asked == {_mask}
}

test_401_passes_a_us_person_wherever_they_live if {
	_asked(_after(fx.set(_covered, {"/principal/us_person": "yes"}), _health, 50000)) == set()
	at_home := fx.set(_vendor, {"/principal/residence": "US", "/principal/us_person": "unknown"})
	_asked(_after(at_home, _health, 50000)) == set()
}

test_401_passes_what_is_exempt if {
	exempt := fx.set(_covered, {"/employer/contracts/0/exemptions": ["202.504"]})
	_asked(_after(exempt, _health, 50000)) == set()
}

test_401_exempts_a_group_and_not_for_an_authority if {
	claimed := fx.set(_after(_covered, _health, 50000), {"/employer/contracts/0/exemptions": ["202.506"]})
	_asked(claimed) == {_mask}
	owner := object.union(fx.affiliate.employer.owners[0], {"entity": "line-jp", "share_percent": 100})
	inside := fx.set(claimed, {"/employer/owners": [owner]})
	_asked(inside) == set()
	_asked(fx.set(inside, {"/request": {"authority_country": "CN"}})) == {_mask}
	affiliate := fx.set(claimed, {"/employer/chain/1/relation": "affiliate"})
	_asked(affiliate) == set()
}

test_401_denies_what_has_no_column_to_mask if {
	loose := fx.set(_after(_covered, _health, 50000), {"/data/columns": []})
	not "us-dsp-401" in us_dsp.passed with input as loose
	_facts(loose) == {"principal.residence"}
}

test_401_denies_a_mask_that_leaves_something if {
	not "us-dsp-401" in us_dsp.passed with input as _after(_covered, _health, 50000) with data.regimes.us.mask as "hash"
}

test_401_leaves_alone_what_is_written if {
	written := fx.set(_after(_covered, _health, 50000), {"/data/columns/0/use": "write_target"})
	us_dsp.passed == _all with input as written
	_asked(written) == set()
}

test_401_counts_contact_data_with_other_identifiers_only if {
	contact := fx.set(_after(_covered, "user.name", 200000), {
		"/data/data_types": ["user.contact.email"],
		"/data/columns": [_column("email", "output", "user.contact.email")],
	})
	_asked(contact) == set()
	linked := fx.set(contact, {"/volume/counts": [_count("user.contact.email", 150000), _count("user.device.device_id", 150000)]})
	{o.column | some o in _asked(linked)} == {"email"}
}

test_401_leaves_out_what_telecommunications_need if {
	network := fx.set(_covered, {
		"/data/data_types": ["user.device.ip_address"],
		"/data/columns": [_column("address", "output", "user.device.ip_address")],
		"/volume/counts": [_count("user.device.ip_address", 200000), _count("user.account.username", 200000)],
	})
	{o.kind | some o in _asked(network)} == {"mask"}
	_asked(fx.set(network, {"/employer/contracts/0/purpose": "telecommunications"})) == set()
}

test_401_combines_categories_by_the_lowest_threshold if {
	both := fx.set(_covered, {"/volume/counts": [_count("user.biometrics", 1), _count(_health, 999)]})
	_most(both) == {["us-dsp-401", 1000]}
}

test_301_denies_a_sale_to_a_covered_person if {
	not "us-dsp-301" in us_dsp.passed with input as _after(_sold, _health, 10000)
	facts := {f.fact | some f in us_dsp.findings; f.rule == "us-dsp-301"} with input as _after(_sold, _health, 10000)
	facts == {"principal.residence"}
}

test_301_limits_a_sale_below_the_threshold if {
	"us-dsp-301" in us_dsp.passed with input as _sold
	_most(_sold) == {["us-dsp-301", 10000], ["us-dsp-302", 10000]}
}

test_302_denies_a_sale_without_an_onward_ban if {
	document := fx.set(_after(_vendor, _health, 10000), {"/employer/contracts/0/transaction": "data_brokerage"})
	not "us-dsp-302" in us_dsp.passed with input as document
	_facts(document) == {"employer.chain[1].entity"}
	unplaced := fx.set(document, {"/employer/chain/1/country": null})
	not "us-dsp-302" in us_dsp.passed with input as unplaced
}

test_302_passes_a_sale_with_one if {
	banned := fx.set(_after(_vendor, _health, 10000), {
		"/employer/contracts/0/transaction": "data_brokerage",
		"/agreements": [{"entity": "jp-monitor", "onward_ban": true, "data_types": ["user.health_and_medical"]}],
	})
	"us-dsp-302" in us_dsp.passed with input as banned
}

test_303_denies_genes_to_a_covered_person if {
	document := _after(fx.set(_covered, _genes), "user.health_and_medical.genetic", 100)
	not "us-dsp-303" in us_dsp.passed with input as document
	_facts(document) == {"principal.residence"}
	"us-dsp-303" in us_dsp.passed with input as fx.set(_covered, _genes)
	_most(fx.set(_covered, _genes)) == {["us-dsp-303", 100]}
}

test_301_denied_without_transaction if {
	document := _after(_sold, _health, 10000)
	sekisho.decision.effect == "deny" with input as fx.without(document, "employer/contracts/0/transaction")
}

test_302_denied_without_agreements if {
	document := fx.set(_after(_vendor, _health, 10000), {"/employer/contracts/0/transaction": "data_brokerage"})
	sekisho.decision.effect == "deny" with input as fx.without(document, "agreements")
}

test_303_denied_without_counts if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.set(_covered, _genes), "volume/counts")
}

test_401_denied_without_residence if {
	sekisho.decision.effect == "deny" with input as fx.without(_covered, "principal/residence")
}

test_401_denied_without_held if {
	sekisho.decision.effect == "deny" with input as fx.without(_covered, "employer/held")
}
