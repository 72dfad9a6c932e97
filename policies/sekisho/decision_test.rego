package sekisho.decision_test

import data.sekisho
import data.sekisho.fixtures_test as fx

test_an_allow_is_a_whole_answer if {
	sekisho.decision == {
		"effect": "allow",
		"obligations": [],
		"findings": [],
		"cross_border": false,
		"durability": "written",
		"valid_until": null,
		"headroom": null,
		"limits": [],
	} with input as fx.nobody
}

test_findings_come_law_first_and_shadow_last if {
	decision := sekisho.decision with input as fx.set(fx.affiliate, {
		"/principal/mfa": false,
		"/data/data_types": ["user.content.private"],
		"/location/known": false,
	})
	[f.rule | some f in decision.findings] == [
		"jp-appi-28",
		"jp-appi-32",
		"jp-appi-32",
		"promise-disclosure",
		"house-location-known",
		"house-messages-mfa",
	]
}

test_a_rule_that_lost_its_word_still_denies if {
	decision := sekisho.decision with input as fx.set(fx.reader, {"/volume/rows": 2000000})
		with data.house.volume.findings as set()
	decision.effect == "deny"
	{[f.rule, f.fact] | some f in decision.findings} == {["house-volume", "input"]}
}

# Nothing but house-employer-known denies it.
_of_unknown_depth := fx.set(fx.contractor, {"/employer/complete": false})

test_a_rule_in_shadow_is_counted_and_not_acted_on if {
	decision := sekisho.decision with input as _of_unknown_depth
		with data.house.employer.rules as object.union(
			data.house.employer.rules,
			{"house-employer-known": {"mode": "shadow"}},
		)
	{[f.rule, f.mode] | some f in decision.findings} == {["house-employer-known", "shadow"]}
}

test_a_rule_is_in_force_from_its_first_day_until_its_last if {
	ended := object.union(data.house.employer.rules, {"house-employer-known": {"effective_to": "2026-11-21"}})
	on_the_day := sekisho.decision with input as _of_unknown_depth with data.house.employer.rules as ended
	on_the_day.effect == "allow"
	before := sekisho.decision with input as fx.set(_of_unknown_depth, {"/time": "2026-11-20T00:00:00Z", "/date": "2026-11-20"})
		with data.house.employer.rules as ended
	before.effect == "deny"
	before.valid_until == "2026-11-21T00:00:00Z"
}

test_obligations_of_a_rule_in_shadow_do_not_bind if {
	decision := sekisho.decision with input as fx.traveller
		with data.house.location.rules as object.union(data.house.location.rules, {"house-trip-mask": {"mode": "shadow"}})
	decision.obligations == []
}

test_the_strictest_mask_and_the_smallest_limit_bind if {
	asked := {
		_mask("partial"),
		_mask("null"),
		{"rule": "house-trip-mask", "kind": "row_limit", "rows": 10},
		{"rule": "house-trip-mask", "kind": "row_limit", "rows": 5},
		{"rule": "house-trip-mask", "kind": "row_filter", "relation": "r", "predicate": "p"},
		{"rule": "house-trip-mask", "kind": "approval"},
		{"rule": "nobody", "kind": "row_limit", "rows": 1},
	}
	decision := sekisho.decision with input as fx.reader with data.house.location.obligations as asked
	{o | some o in decision.obligations} == {
		{"kind": "mask", "relation": "r", "column": "c", "method": "null"},
		{"kind": "row_limit", "rows": 5},
		{"kind": "row_filter", "relation": "r", "predicate": "p"},
		{"kind": "approval"},
	}
}

test_a_mask_nobody_knows_outranks_all if {
	decision := sekisho.decision with input as fx.reader
		with data.house.location.obligations as {_mask("null"), _mask("rot13")}
	decision.obligations == [{"kind": "mask", "relation": "r", "column": "c", "method": "rot13"}]
}

_mask(method) := {"rule": "house-trip-mask", "kind": "mask", "relation": "r", "column": "c", "method": method}

test_a_pack_passes_and_blames_only_its_own_rules if {
	decision := sekisho.decision with input as fx.affiliate
		with data.house.volume.passed as {
			"jp-appi-27",
			"jp-appi-28",
			"jp-appi-32",
			"promise-disclosure",
			"house-volume",
			"house-subjects-limit",
		}
		with data.house.location.findings as {{"rule": "jp-appi-28", "fact": "x", "message": "not its own"}}
	decision.effect == "deny"
	"jp-appi-28" in {f.rule | some f in decision.findings}
	not "not its own" in {f.message | some f in decision.findings}
}

test_a_pack_asks_and_bounds_only_in_the_name_of_its_own_rules if {
	decision := sekisho.decision with input as fx.reader
		with data.house.volume.obligations as {_mask("null")}
		with data.house.location.limits as {{"rule": "house-volume", "max": 1}}
	[decision.effect, decision.obligations, decision.limits] == ["allow", [], []]
}

test_a_datasource_leaves_out_and_adds_packs if {
	left := sekisho.decision with input as fx.set(fx.reader, {"/volume/rows": 9000000})
		with data.sekisho.packs.datasources as {"messenger": {"without": ["house/volume"]}}
	left.effect == "allow"
	added := sekisho.decision with input as fx.affiliate
		with data.sekisho.packs.datasources as {"messenger": {"also": ["house/china"]}}
	"house-china-2021" in {f.rule | some f in added.findings}
	promised := sekisho.decision with input as fx.affiliate
		with data.sekisho.packs.datasources as {"messenger": {"without": ["law/jp_appi", "promise/disclosure"]}}
	{f.rule | some f in promised.findings; f.layer != "house"} & {"jp-appi-28", "promise-disclosure"} == set()
}

test_without_a_list_nothing_is_allowed if {
	decision := sekisho.decision with input as fx.nobody with data.sekisho.packs as {}
	decision.effect == "deny"
}

test_a_law_is_silent_where_nobody_of_its_countries_is_concerned if {
	elsewhere := sekisho.decision with input as fx.set(fx.affiliate, {"/data/subject_countries": ["MX"]})
	{f.layer | some f in elsewhere.findings} == {"promise"}
}
