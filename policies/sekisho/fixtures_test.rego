# METADATA
# title: Inputs the tests of all packs start from
# description: The people and statements of tests/golden/policy/people.yaml; a test there holds the two equal.
package sekisho.fixtures_test

# METADATA
# description: An engineer of the controller in Tokyo reads users.
reader := _of("sato", "users")

# METADATA
# description: An engineer of the Shanghai affiliate reads users.
affiliate := _of("li", "users")

# METADATA
# description: The sub-contractor's moderator in Dalian reads an image.
subcontractor := _of("wang", "image")

# METADATA
# description: The contractor's moderator in Fukuoka reads an image.
contractor := _of("tanaka", "image")

# METADATA
# description: An engineer of the Korean affiliate reads payments.
korean := _of("kim", "payments")

# METADATA
# description: The same reads a health consultation.
korean_health := _of("kim", "health")

# METADATA
# description: An engineer of the controller on a trip to Shanghai reads users.
traveller := _of("sato_on_trip", "users")

# METADATA
# description: An engineer of the controller reads messages.
messages := _of("sato", "messages")

# METADATA
# description: The engineer in Shanghai reads what is about nobody.
nobody := _of("li", "stickers")

# METADATA
# description: Somebody in no registry reads users.
unknown := _of("unknown", "users")

# METADATA
# description: The controller's privacy team reads decisions about people of the controller.
privacy := _of("privacy", "decisions_of_line_jp")

# METADATA
# description: The owner of the record's folder reads decisions about everybody.
operator := _of("operator", "all_decisions")

# METADATA
# description: The document with other values at some places.
set(document, values) := json.patch(document, [{"op": "replace", "path": path, "value": value} |
	some path, value in values
])

# METADATA
# description: The document without a place.
without(document, path) := json.remove(document, [path])

_of(person, statement) := object.union_n([_common, _people[person], _statements[statement]])

_common := {
	"schema_version": 2,
	"time": "2026-11-21T03:00:00Z",
	"date": "2026-11-21",
	"valid_until": "2026-11-21T04:00:00Z",
	"registry_revision": "0123456789abcdef",
	"door": "postgres",
	"action": "statement",
	"known_by": [{"fact": "location.countries[0]", "source": "site_network", "confidence": "attested"}],
	"datasource": {
		"id": "messenger",
		"storage_countries": ["JP"],
		"controller": {"entity": "line-jp", "name": "LINE Corporation", "country": "JP", "designations": []},
		"unlabelled": "deny",
		"trust": "attested",
	},
	"profile": "engineer",
	"purpose": null,
	"request": null,
	"principal": {
		"id": "https://id.line.example#someone",
		"issuer": "https://id.line.example",
		"subject": "someone",
		"database_user": "someone",
		"groups": ["engineer"],
		"mfa": true,
		"purpose": null,
		"ticket": null,
		"token_id": null,
		"issued_at": null,
		"expires_at": "2026-11-21T04:00:00Z",
		"declared_country": null,
		"declared_employer": null,
		"declared_residence": null,
		"asserted_by": null,
		"person": "Someone",
		"stay": "residence",
		"residence": "JP",
		"us_person": "unknown",
	},
	"caller": null,
	"location": {
		"known": true,
		"countries": ["JP"],
		"source": "site_network",
		"confidence": "attested",
		"conflict": false,
		"simultaneous": false,
		"site": "tokyo-hq",
		"note": "",
	},
	"employer": {
		"known": true,
		"complete": true,
		"note": "",
		"confidence": "attested",
		"conflict": false,
		"entity": "line-jp",
		"name": "LINE Corporation",
		"country": "JP",
		"relation": "controller",
		"same_legal_entity": true,
		"chain": [
			{
				"hop": 0,
				"entity": "line-jp",
				"name": "LINE Corporation",
				"country": "JP",
				"relation": "controller",
				"contract": null,
				"share_percent": null,
				"designations": [],
			},
		],
		"owners": [
			{
				"hop": 1,
				"entity": "a-holdings",
				"name": "A Holdings Corporation",
				"country": "JP",
				"relation": "owner",
				"contract": null,
				"share_percent": 64.5,
				"designations": [],
			},
			{
				"hop": 2,
				"entity": "naver",
				"name": "NAVER Corporation",
				"country": "KR",
				"relation": "owner",
				"contract": null,
				"share_percent": 50,
				"designations": [],
			},
			{
				"hop": 2,
				"entity": "softbank",
				"name": "SoftBank Corp.",
				"country": "JP",
				"relation": "owner",
				"contract": null,
				"share_percent": 50,
				"designations": [],
			},
		],
		"contracts": [],
		"held": [],
		"groups": ["engineer"],
		"blocked": false,
		"blocked_by": null,
	},
	"origin": {"countries": ["JP", "KR"]},
	"statement": {
		"kind": "select",
		"effect": "read",
		"complete": true,
		"incomplete": null,
		"detail": "",
		"transaction": null,
		"confidence": "attested",
		"relations": [],
		"columns": [],
	},
	"data": {
		"about_people": true,
		"data_types": [],
		"subject_countries": ["JP", "KR", "TH", "TW"],
		"subject_known": true,
		"storage_countries": ["JP"],
		"controller": "line-jp",
		"columns": [],
		"relations": [],
		"unlabelled": [],
	},
	"disclosures": [
		{
			"notice": "privacy-notice-2022-04",
			"country": "KR",
			"entities": ["line-plus"],
			"data_types": ["user.payment", "user.unique_id"],
			"consent": true,
		},
	],
	"agreements": [],
	"claims": [],
	"consents": [{
		"notice": "privacy-notice-2022-04",
		"subject_country": "JP",
		"status": "given",
		"separate": true,
		"informed": ["country_regime", "measures"],
		"row_filter": null,
	}],
	"adequacy": [],
	"volume": {"window": "P1D", "rows": 0, "available": true, "counts": []},
	"reading": null,
}

_people := {
	"privacy": {
		"principal": {"subject": "suzuki", "id": "https://id.line.example#suzuki", "groups": ["privacy"]},
		"employer": {"groups": ["privacy"]},
	},
	"operator": {
		"door": null,
		"principal": {
			"subject": "sekisho",
			"person": "",
			"stay": "unknown",
			"residence": null,
			"issuer": "os",
			"id": "os#sekisho",
			"groups": ["record-owner", "sekisho"],
		},
		"location": {
			"known": false,
			"countries": [],
			"source": "none",
			"confidence": "unknown",
			"site": null,
			"note": "the command line of the gateway's own machine",
		},
		"employer": {
			"known": false,
			"complete": false,
			"note": "the person is not in the people registry",
			"entity": null,
			"name": "",
			"country": null,
			"relation": "unknown",
			"same_legal_entity": false,
			"confidence": "unknown",
			"chain": [],
			"owners": [],
			"groups": [],
		},
		"origin": {"countries": []},
	},
	"sato": {},
	"li": {
		"principal": {"subject": "li", "residence": "CN"},
		"location": {"countries": ["CN"], "site": "shanghai-office"},
		"employer": {
			"entity": "line-cn",
			"name": "Shanghai LINE Digital Technology",
			"country": "CN",
			"relation": "affiliate",
			"same_legal_entity": false,
			"chain": [
				{
					"hop": 0,
					"entity": "line-jp",
					"name": "LINE Corporation",
					"country": "JP",
					"relation": "controller",
					"contract": null,
					"share_percent": null,
					"designations": [],
				},
				{
					"hop": 1,
					"entity": "line-cn",
					"name": "Shanghai LINE Digital Technology",
					"country": "CN",
					"relation": "affiliate",
					"contract": null,
					"share_percent": 100,
					"designations": [],
				},
			],
			"owners": [
				{
					"hop": 1,
					"entity": "line-jp",
					"name": "LINE Corporation",
					"country": "JP",
					"relation": "owner",
					"contract": null,
					"share_percent": 100,
					"designations": [],
				},
				{
					"hop": 2,
					"entity": "a-holdings",
					"name": "A Holdings Corporation",
					"country": "JP",
					"relation": "owner",
					"contract": null,
					"share_percent": 64.5,
					"designations": [],
				},
				{
					"hop": 3,
					"entity": "naver",
					"name": "NAVER Corporation",
					"country": "KR",
					"relation": "owner",
					"contract": null,
					"share_percent": 50,
					"designations": [],
				},
			],
		},
		"origin": {"countries": ["CN", "JP", "KR"]},
	},
	"wang": {
		"principal": {"subject": "wang", "residence": "CN", "groups": ["moderator"]},
		"location": {"countries": ["CN"], "site": "dalian-office"},
		"employer": {
			"entity": "dalian-monitor",
			"name": "Dalian Monitoring Service",
			"country": "CN",
			"relation": "subcontractor",
			"same_legal_entity": false,
			"chain": [
				{
					"hop": 0,
					"entity": "line-jp",
					"name": "LINE Corporation",
					"country": "JP",
					"relation": "controller",
					"contract": null,
					"share_percent": null,
					"designations": [],
				},
				{
					"hop": 1,
					"entity": "jp-monitor",
					"name": "Kyushu Monitoring",
					"country": "JP",
					"relation": "contractor",
					"contract": "timeline-monitoring",
					"share_percent": null,
					"designations": [],
				},
				{
					"hop": 2,
					"entity": "dalian-monitor",
					"name": "Dalian Monitoring Service",
					"country": "CN",
					"relation": "subcontractor",
					"contract": "timeline-monitoring-dalian",
					"share_percent": null,
					"designations": [],
				},
			],
			"owners": [],
			"contracts": [
				{
					"id": "timeline-monitoring",
					"hop": 1,
					"principal": "line-jp",
					"contractor": "jp-monitor",
					"purpose": "moderation",
					"data_types": ["user.content"],
					"subcontractors": "known",
					"last_audit_age_days": null,
					"owner_of_principal": null,
					"transaction": "vendor",
					"exemptions": [],
				},
				{
					"id": "timeline-monitoring-dalian",
					"hop": 2,
					"principal": "jp-monitor",
					"contractor": "dalian-monitor",
					"purpose": "moderation",
					"data_types": ["user.content"],
					"subcontractors": "none",
					"last_audit_age_days": null,
					"owner_of_principal": null,
					"transaction": "vendor",
					"exemptions": [],
				},
			],
		},
		"origin": {"countries": ["CN", "JP"]},
	},
	"tanaka": {
		"principal": {"subject": "tanaka", "groups": ["moderator"]},
		"location": {"site": "fukuoka-center"},
		"employer": {
			"entity": "jp-monitor",
			"name": "Kyushu Monitoring",
			"relation": "contractor",
			"same_legal_entity": false,
			"chain": [
				{
					"hop": 0,
					"entity": "line-jp",
					"name": "LINE Corporation",
					"country": "JP",
					"relation": "controller",
					"contract": null,
					"share_percent": null,
					"designations": [],
				},
				{
					"hop": 1,
					"entity": "jp-monitor",
					"name": "Kyushu Monitoring",
					"country": "JP",
					"relation": "contractor",
					"contract": "timeline-monitoring",
					"share_percent": null,
					"designations": [],
				},
			],
			"owners": [],
			"contracts": [
				{
					"id": "timeline-monitoring",
					"hop": 1,
					"principal": "line-jp",
					"contractor": "jp-monitor",
					"purpose": "moderation",
					"data_types": ["user.content"],
					"subcontractors": "known",
					"last_audit_age_days": null,
					"owner_of_principal": null,
					"transaction": "vendor",
					"exemptions": [],
				},
			],
		},
		"origin": {"countries": ["JP"]},
	},
	"kim": {
		"principal": {"subject": "kim", "residence": "KR"},
		"location": {"countries": ["KR"], "site": "seoul-office"},
		"employer": {
			"entity": "line-plus",
			"name": "LINE Plus Corporation",
			"country": "KR",
			"relation": "affiliate",
			"same_legal_entity": false,
			"chain": [
				{
					"hop": 0,
					"entity": "line-jp",
					"name": "LINE Corporation",
					"country": "JP",
					"relation": "controller",
					"contract": null,
					"share_percent": null,
					"designations": [],
				},
				{
					"hop": 1,
					"entity": "line-plus",
					"name": "LINE Plus Corporation",
					"country": "KR",
					"relation": "affiliate",
					"contract": null,
					"share_percent": 100,
					"designations": [],
				},
			],
			"owners": [
				{
					"hop": 1,
					"entity": "line-jp",
					"name": "LINE Corporation",
					"country": "JP",
					"relation": "owner",
					"contract": null,
					"share_percent": 100,
					"designations": [],
				},
				{
					"hop": 2,
					"entity": "a-holdings",
					"name": "A Holdings Corporation",
					"country": "JP",
					"relation": "owner",
					"contract": null,
					"share_percent": 64.5,
					"designations": [],
				},
				{
					"hop": 3,
					"entity": "naver",
					"name": "NAVER Corporation",
					"country": "KR",
					"relation": "owner",
					"contract": null,
					"share_percent": 50,
					"designations": [],
				},
			],
		},
		"origin": {"countries": ["JP", "KR"]},
	},
	"sato_on_trip": {
		"principal": {"stay": "trip"},
		"location": {"countries": ["CN"], "site": "shanghai-office"},
		"origin": {"countries": ["CN", "JP", "KR"]},
	},
	"unknown": {
		"principal": {
			"subject": "nobody",
			"person": "",
			"stay": "unknown",
			"residence": null,
			"issuer": "https://id.naver.example",
			"id": "https://id.naver.example#nobody",
		},
		"employer": {
			"known": false,
			"complete": false,
			"note": "the person is not in the people registry",
			"entity": null,
			"name": "",
			"country": null,
			"relation": "unknown",
			"same_legal_entity": false,
			"chain": [],
			"owners": [],
			"groups": [],
		},
		"origin": {"countries": ["JP"]},
	},
}

_reading := {
	"action": "audit.read",
	"datasource": null,
	"profile": null,
	"statement": null,
	"data": null,
	"disclosures": [],
	"consents": [],
	"volume": null,
}

_statements := {
	"decisions_of_line_jp": object.union(_reading, {"reading": {
		"what": "decisions",
		"entity": "line-jp",
		"principal": null,
		"since": "2026-11-01T00:00:00Z",
		"until": null,
	}}),
	"all_decisions": object.union(_reading, {"reading": {
		"what": "decisions",
		"entity": null,
		"principal": null,
		"since": null,
		"until": null,
	}}),
	"users": {
		"statement": {
			"relations": ["public.users"],
			"columns": [
				{"relation": "public.users", "column": "name", "use": "output"},
				{"relation": "public.users", "column": "phone", "use": "output"},
				{"relation": "public.users", "column": "email", "use": "output"},
				{"relation": "public.users", "column": "id", "use": "predicate"},
			],
		},
		"data": {
			"data_types": ["user.contact.email", "user.contact.phone_number", "user.name", "user.unique_id"],
			"columns": [
				{
					"relation": "public.users",
					"column": "name",
					"use": "output",
					"data_types": ["user.name"],
					"subject_countries": ["JP", "KR", "TH", "TW"],
					"subject_known": true,
					"labelled": true,
				},
				{
					"relation": "public.users",
					"column": "phone",
					"use": "output",
					"data_types": ["user.contact.phone_number"],
					"subject_countries": ["JP", "KR", "TH", "TW"],
					"subject_known": true,
					"labelled": true,
				},
				{
					"relation": "public.users",
					"column": "email",
					"use": "output",
					"data_types": ["user.contact.email"],
					"subject_countries": ["JP", "KR", "TH", "TW"],
					"subject_known": true,
					"labelled": true,
				},
				{
					"relation": "public.users",
					"column": "id",
					"use": "predicate",
					"data_types": ["user.unique_id"],
					"subject_countries": ["JP", "KR", "TH", "TW"],
					"subject_known": true,
					"labelled": true,
				},
			],
			"relations": [{
				"relation": "public.users",
				"about_people": true,
				"subject_countries": ["JP", "KR", "TH", "TW"],
				"subject_known": true,
				"subject_column": null,
				"subject_key": "id",
				"unit": "person",
				"subjects": ["customer"],
				"row_filters": [],
			}],
		},
	},
	"image": {
		"statement": {
			"relations": ["public.timeline_images"],
			"columns": [
				{"relation": "public.timeline_images", "column": "caption", "use": "output"},
				{"relation": "public.timeline_images", "column": "content", "use": "output"},
				{"relation": "public.timeline_images", "column": "id", "use": "predicate"},
			],
		},
		"data": {
			"data_types": ["user.content.public"],
			"columns": [
				{
					"relation": "public.timeline_images",
					"column": "caption",
					"use": "output",
					"data_types": ["user.content.public"],
					"subject_countries": ["JP", "KR", "TH", "TW"],
					"subject_known": true,
					"labelled": true,
				},
				{
					"relation": "public.timeline_images",
					"column": "content",
					"use": "output",
					"data_types": ["user.content.public"],
					"subject_countries": ["JP", "KR", "TH", "TW"],
					"subject_known": true,
					"labelled": true,
				},
				{
					"relation": "public.timeline_images",
					"column": "id",
					"use": "predicate",
					"data_types": [],
					"subject_countries": ["JP", "KR", "TH", "TW"],
					"subject_known": true,
					"labelled": true,
				},
			],
		},
	},
	"payments": {
		"statement": {
			"relations": ["public.payments"],
			"columns": [
				{"relation": "public.payments", "column": "amount", "use": "output"},
				{"relation": "public.payments", "column": "user_id", "use": "predicate"},
			],
		},
		"data": {
			"data_types": ["user.payment", "user.unique_id"],
			"columns": [
				{
					"relation": "public.payments",
					"column": "amount",
					"use": "output",
					"data_types": ["user.payment"],
					"subject_countries": ["JP", "KR", "TH", "TW"],
					"subject_known": true,
					"labelled": true,
				},
				{
					"relation": "public.payments",
					"column": "user_id",
					"use": "predicate",
					"data_types": ["user.unique_id"],
					"subject_countries": ["JP", "KR", "TH", "TW"],
					"subject_known": true,
					"labelled": true,
				},
			],
			"relations": [{
				"relation": "public.payments",
				"about_people": true,
				"subject_countries": ["JP", "KR", "TH", "TW"],
				"subject_known": true,
				"subject_column": null,
				"subject_key": "user_id",
				"unit": "person",
				"subjects": ["customer"],
				"row_filters": [],
			}],
		},
	},
	"health": {
		"statement": {
			"relations": ["public.health_consultations"],
			"columns": [{"relation": "public.health_consultations", "column": "summary", "use": "output"}],
		},
		"data": {
			"data_types": ["user.health_and_medical"],
			"subject_countries": ["JP"],
			"columns": [
				{
					"relation": "public.health_consultations",
					"column": "summary",
					"use": "output",
					"data_types": ["user.health_and_medical"],
					"subject_countries": ["JP"],
					"subject_known": true,
					"labelled": true,
				},
			],
			"relations": [{
				"relation": "public.health_consultations",
				"about_people": true,
				"subject_countries": ["JP"],
				"subject_known": true,
				"subject_column": null,
				"subject_key": "user_id",
				"unit": "person",
				"subjects": ["customer"],
				"row_filters": [],
			}],
		},
	},
	"messages": {
		"statement": {
			"relations": ["public.messages"],
			"columns": [{"relation": "public.messages", "column": "body", "use": "output"}],
		},
		"data": {
			"data_types": ["user.content.private"],
			"columns": [
				{
					"relation": "public.messages",
					"column": "body",
					"use": "output",
					"data_types": ["user.content.private"],
					"subject_countries": ["JP", "KR", "TH", "TW"],
					"subject_known": true,
					"labelled": true,
				},
			],
		},
	},
	"stickers": {
		"statement": {"relations": ["public.stickers"]},
		"data": {"about_people": false, "subject_countries": []},
	},
}
