package house.identity_test

import data.house.identity
import data.sekisho
import data.sekisho.fixtures_test as fx

_issuers := {"line-jp": ["https://id.line.example"]}

test_trusted_issuer_passes_its_own if {
	"house-trusted-issuer" in identity.passed with input as fx.reader with data.house.identity.issuers as _issuers
}

test_trusted_issuer_passes_who_lists_none if "house-trusted-issuer" in identity.passed with input as fx.unknown

test_trusted_issuer_passes_data_about_nobody if {
	"house-trusted-issuer" in identity.passed with input as fx.nobody with data.house.identity.issuers as {"line-jp": []}
}

test_trusted_issuer_denies_the_parents if {
	not "house-trusted-issuer" in identity.passed with input as fx.unknown with data.house.identity.issuers as _issuers
	facts := {f.fact | some f in identity.findings} with input as fx.unknown with data.house.identity.issuers as _issuers
	facts == {"principal.issuer"}
}

test_trusted_issuer_denied_without_issuer if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "principal/issuer")
}

_asserted := object.union(fx.reader, {
	"principal": object.union(fx.reader.principal, {"asserted_by": "search"}),
	"caller": _caller("search", ["principal"]),
})

_caller(id, asserts) := {
	"id": id,
	"identity": "uri:spiffe://example/search",
	"asserts": asserts,
	"expires_at": "2026-11-21T04:00:00Z",
}

test_asserted_principal_denies_a_callers_word if {
	not "house-asserted-principal" in identity.passed with input as _asserted
	facts := {f.fact | some f in identity.findings} with input as _asserted
	facts == {"principal.asserted_by"}
	sekisho.decision.effect == "deny" with input as _asserted
}

test_asserted_principal_passes_a_caller_that_is_believed if {
	callers := {"line-jp": ["search"]}
	"house-asserted-principal" in identity.passed with input as _asserted with data.house.identity.callers as callers
	sekisho.decision.effect == "allow" with input as _asserted with data.house.identity.callers as callers
}

test_asserted_principal_denies_another_caller if {
	callers := {"line-jp": ["other"], "other": ["search"]}
	not "house-asserted-principal" in identity.passed with input as _asserted with data.house.identity.callers as callers
}

test_asserted_principal_passes_who_is_proven if "house-asserted-principal" in identity.passed with input as fx.reader

test_asserted_principal_passes_a_token_passed_on if {
	passed_on := object.union(fx.reader, {"caller": _caller("search", ["address"])})
	"house-asserted-principal" in identity.passed with input as passed_on
	sekisho.decision.effect == "allow" with input as passed_on
}

test_asserted_principal_passes_data_about_nobody if {
	about_nobody := object.union(_asserted, {"data": fx.nobody.data})
	"house-asserted-principal" in identity.passed with input as about_nobody
}

test_asserted_principal_denied_without_word_or_caller if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "principal/asserted_by")
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "caller")
	sekisho.decision.effect == "deny" with input as object.union(_asserted, {"caller": null})
	sekisho.decision.effect == "deny" with input as object.union(_asserted, {"caller": _caller("other", ["principal"])})
	sekisho.decision.effect == "deny" with input as object.union(_asserted, {"caller": _caller("search", [])})
}
