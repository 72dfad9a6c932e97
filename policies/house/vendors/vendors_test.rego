package house.vendors_test

import data.house.vendors
import data.sekisho
import data.sekisho.fixtures_test as fx

_audited(days) := fx.set(fx.contractor, {"/employer/contracts/0/last_audit_age_days": days})

test_vendor_audit_passes_a_recent_one if "house-vendor-audit" in vendors.passed with input as _audited(365)

test_vendor_audit_passes_who_has_no_contract if "house-vendor-audit" in vendors.passed with input as fx.reader

test_vendor_audit_passes_data_about_nobody if "house-vendor-audit" in vendors.passed with input as fx.nobody

test_vendor_audit_denies_an_old_one_and_none if {
	every days in [366, null] {
		not "house-vendor-audit" in vendors.passed with input as _audited(days)
	}
	{f.fact | some f in vendors.findings} == {"employer.chain[1].contract"} with input as _audited(null)
	not "house-vendor-audit" in vendors.passed with input as fx.set(_audited(1), {"/employer/contracts": []})
}

test_vendor_audit_denied_without_age if {
	document := fx.set(fx.without(_audited(1), "employer/contracts/0/last_audit_age_days"), {"/datasource/id": "line-app"})
	sekisho.decision.effect == "deny" with input as document
}
