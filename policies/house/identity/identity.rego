# METADATA
# title: Who vouches for people
# description: Which issuers of tokens a controller believes, of all that the gateway is configured to know.
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
