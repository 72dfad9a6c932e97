# METADATA
# title: Personal Data Protection Act (Taiwan)
# description: Art. 21 lets authorities restrict international transmission; their orders are data, by kind of controller.
package law.tw_pdpa

import data.regimes.tw
import data.sekisho.lib
import data.sekisho.transfers

# METADATA
# title: "Orders by sector"
# description: |
#   Needs the controller's designations, employer.chain, location, principal.residence and the storage countries. A
#   controller an order is about has nobody read from its countries, no processor there, and no server.
# scope: rule
# custom:
#   id: tw-pdpa-21
#   layer: law
#   citation: "PDPA Art. 21; orders by sector"
#   effective_from: 2012-10-01
#   mode: enforce
#   cases: [X03, X04]
passed contains "tw-pdpa-21" if _obeyed

_obeyed if not transfers.concerned("tw_pdpa")

_obeyed if count(_broken) == 0

_orders contains order if {
	transfers.concerned("tw_pdpa")
	some order in tw.orders
	order.from <= input.date
	order.designation in input.datasource.controller.designations
}

_places contains {"fact": recipient.fact, "country": recipient.country, "what": recipient.what} if {
	some recipient in transfers.recipients
}

# The order asks where data goes, and not who employs whom: the controller's own people count here.
_places contains {
	"fact": sprintf("location.countries[%d]", [i]),
	"country": country,
	"what": "the person",
} if {
	some i, country in input.location.countries
}

_places contains {
	"fact": sprintf("data.storage_countries[%d]", [i]),
	"country": country,
	"what": "the server",
} if {
	some i, country in input.data.storage_countries
}

_broken contains [place, order] if {
	some order in _orders
	some place in _places
	place.country in order.countries
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("tw-pdpa-21", {
	"message": sprintf("%s is in %s, where a controller of this kind sends nothing: %s", [
		place.what,
		place.country,
		order.citation,
	]),
	"fact": place.fact,
	"value": place.country,
	"remedy": "none while the order stands",
}) if {
	some [place, order] in _broken
}
