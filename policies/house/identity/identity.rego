# METADATA
# title: Who vouches for people
# description: |
#   Which issuers of tokens a controller believes, of all that the gateway is configured to know; and which callers, where
#   they say who somebody is without a token.
package house.identity

import data.sekisho.lib

# METADATA
# title: "The token comes from an issuer the controller trusts"
# description: |
#   Needs principal.issuer and the controller. Where data.house.identity.issuers lists issuers of a controller, data about
#   people of that controller is read with tokens of these only: not with those of its parent's directory.
# scope: rule
# custom:
#   id: house-trusted-issuer
#   layer: house
#   citation: "House policy, after the MIC guidance of 2024-03-05 and the PPC recommendation of 2024-03-28"
#   effective_from: 2024-03-28
#   mode: enforce
#   cases: [L25]
passed contains "house-trusted-issuer" if _trusted

_trusted if input.data.about_people == false

_trusted if not input.datasource.controller.entity in object.keys(data.house.identity.issuers)

_trusted if input.principal.issuer in data.house.identity.issuers[input.datasource.controller.entity]

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("house-trusted-issuer", {
	"message": sprintf("%s does not believe tokens of this issuer", [input.datasource.controller.name]),
	"fact": "principal.issuer",
	"value": input.principal.issuer,
	"remedy": "log in with the controller's own directory",
}) if {
	not _trusted
}

# METADATA
# title: "Who asks is proven, or said by a caller the controller believes"
# description: |
#   Needs principal.asserted_by. A caller that configuration lets assert principals may do so; whether that is enough for
#   data about people is for each controller to say, in data.house.identity.callers. Nobody is believed by default.
# scope: rule
# custom:
#   id: house-asserted-principal
#   layer: house
#   citation: "House policy: what a caller says of a person is declared, not attested"
#   effective_from: 1970-01-01
#   mode: enforce
passed contains "house-asserted-principal" if _proven

_proven if input.data.about_people == false

_proven if is_null(input.principal.asserted_by)

_proven if input.principal.asserted_by in data.house.identity.callers[input.datasource.controller.entity]

findings contains lib.finding("house-asserted-principal", {
	"message": sprintf("that it is %s who asks is only the word of %s", [input.principal.id, input.principal.asserted_by]),
	"fact": "principal.asserted_by",
	"value": input.principal.asserted_by,
	"remedy": "pass on the person's own token",
}) if {
	not _proven
}
