# METADATA
# title: Facts several packs derive from the input
# description: Read only behind sekisho.shape, so every field named here has its type.
package sekisho.facts

# METADATA
# title: Data types touched
# description: Of all columns used. Empty where only technical columns or none are (count(*)).
# scope: document
data_types contains data_type if some data_type in input.data.data_types

# METADATA
# title: Data types that must be told
# description: Rows about people of which no type is touched still count as something users must have been told of.
told_types := {"data about people"} if {
	count(data_types) == 0
} else := data_types

# METADATA
# title: Sources of origin
# description: |
#   Each country whose location or law the person brings, with the fact that says so, the entity it belongs to (null =
#   any) and a rank: employer chain before owners before place. Owners count where they control (share_percent of half
#   or more, or unknown); the controller's own owners do not: its own people would bring their country everywhere.
# scope: document
sources contains {
	"country": link.country,
	"fact": sprintf("employer.chain[%d].country", [i]),
	"entity": link.entity,
	"rank": 1,
	"what": sprintf("the country of %s, hop %d of the employer chain", [link.name, link.hop]),
} if {
	some i, link in input.employer.chain
	link.hop >= 1
	is_string(link.country)
}

sources contains {
	"country": input.employer.country,
	"fact": "employer.country",
	"entity": _employer_entity,
	"rank": 2,
	"what": sprintf("the country of the employer, %s", [input.employer.name]),
} if {
	is_string(input.employer.country)
}

sources contains {
	"country": owner.country,
	"fact": sprintf("employer.owners[%d].country", [i]),
	"entity": null,
	"rank": 3,
	"what": sprintf("the country of %s, an owner of the employer", [owner.name]),
} if {
	input.employer.same_legal_entity == false
	some i, owner in input.employer.owners
	is_string(owner.country)
	not _minor(owner)
	not _above_controller(owner)
}

_minor(owner) if {
	is_number(owner.share_percent)
	owner.share_percent < 50
}

# Where the controller holds more than half, nobody else at its level controls, and who is above owns the controller.
_above_controller(owner) if {
	owner.hop > 1
	some holder in input.employer.owners
	holder.entity == input.datasource.controller.entity
	holder.hop == 1
	is_number(holder.share_percent)
	holder.share_percent > 50
}

sources contains {
	"country": country,
	"fact": sprintf("location.countries[%d]", [i]),
	"entity": _employer_entity,
	"rank": 4,
	"what": "where the person is now",
} if {
	some i, country in input.location.countries
}

sources contains {
	"country": input.principal.residence,
	"fact": "principal.residence",
	"entity": _employer_entity,
	"rank": 5,
	"what": "where the person lives",
} if {
	is_string(input.principal.residence)
}

sources contains {
	"country": country,
	"fact": sprintf("origin.countries[%d]", [i]),
	"entity": _employer_entity,
	"rank": 6,
	"what": "part of the person's origin",
} if {
	some i, country in input.origin.countries
	not country in _explained
}

_explained contains input.employer.country

_explained contains input.principal.residence

_explained contains country if some country in input.location.countries

_explained contains link.country if some link in input.employer.chain

_explained contains owner.country if some owner in input.employer.owners

_employer_entity := input.employer.entity if {
	is_string(input.employer.entity)
} else := "unknown"

# METADATA
# title: Countries of origin
# description: Every country whose location or law the person brings.
countries contains source.country if some source in sources

# METADATA
# title: A trip of the controller's own people
# description: The same legal entity, away for a while; no provision to a third party. Home must be known.
default own_trip := false

own_trip if {
	input.employer.known == true
	input.employer.same_legal_entity == true
	input.principal.stay == "trip"
	is_string(input.principal.residence)
}

# METADATA
# title: Whether a border is involved
# description: False only where everything is known and every origin is the controller's country and a place of storage.
default cross_border := true

cross_border := false if input.data.about_people == false

cross_border := false if {
	input.data.about_people == true
	input.employer.known == true
	input.location.known == true
	every country in countries {
		country == input.datasource.controller.country
		country in input.datasource.storage_countries
		country in input.data.storage_countries
	}
}

# METADATA
# title: Other parties
# description: |
#   Positions in the employer chain of entities that are not the controller's own legal person. One whose country is not
#   known is for house-chain-visible to say.
# scope: document
other_parties contains i if {
	some i, link in input.employer.chain
	link.hop >= 1
	is_string(link.country)
	not _own(link)
}

_own(link) if {
	input.employer.same_legal_entity == true
	link.entity == input.employer.entity
}
