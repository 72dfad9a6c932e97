"""JSON Schemas of what the http door takes and answers. Bounds are the readers' own constants: there is one of each.

A test holds that what a schema allows is read, and that what it forbids is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.doors import completions, requests, resources
from gateway.doors.documents import MAX_BODY, MAX_NAME, MAX_TOKEN
from gateway.doors.http.selecting import DEFAULT_ROWS, MOST_ROWS
from gateway.errors import Reason
from gateway.model import ColumnUseKind, Effect, Layer, Mode

Schema = Mapping[str, Any]


def text(description: str, longest: int, *, least: int = 1) -> Schema:
    """A string."""
    return {"type": "string", "description": description, "minLength": least, "maxLength": longest}


def whole(description: str, most: int) -> Schema:
    """A number from 0 on."""
    return {"type": "integer", "description": description, "minimum": 0, "maximum": most}


def closed(properties: Mapping[str, Schema], *needed: str) -> Schema:
    """An object with no other keys."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(needed),
        "additionalProperties": False,
    }


def answered(properties: Mapping[str, Schema]) -> Schema:
    """What we answer with: every key is there; there may be more one day."""
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def ref(name: str) -> Schema:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def listing(items: Schema, description: str = "") -> Schema:
    """A list of these."""
    return {"type": "array", "items": items} | ({"description": description} if description else {})


_STRING: Final[Schema] = {"type": "string"}
_BOOLEAN: Final[Schema] = {"type": "boolean"}
_INTEGER: Final[Schema] = {"type": "integer"}
_STRINGS: Final[Schema] = listing(_STRING)

TOKEN: Final = {
    "type": "string",
    "description": "The person's signed token. Without it `Authorization: Bearer <token>` is the person's; beside it, "
    "that of a configured caller who passes it on",
    "maxLength": MAX_TOKEN,
}
ADDRESS: Final[Schema] = {
    "description": "The person's IP address; believed from configured edges and callers only",
    "type": "string",
    "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}],
}
STATEMENT: Final = closed(
    {
        "sql": text("What is to be executed", MAX_BODY),
        "parameter_types": {
            **listing(whole("OID of a type; 0: the server is to tell", requests.MAX_OID)),
            "maxItems": requests.MAX_PARAMETERS,
        },
    },
    "sql",
)
RESOURCE: Final = closed(
    {
        "effect": {"type": "string", "enum": [str(one) for one in resources.EFFECTS]},
        "relations": {
            **listing(text("As the catalog names it: schema.table", resources.MAX_NAME)),
            "minItems": 1,
            "maxItems": resources.MAX_RELATIONS,
        },
        "columns": {
            **listing(
                closed(
                    {
                        "relation": text("Its relation", resources.MAX_NAME),
                        "column": text("Its name", resources.MAX_NAME),
                        "use": {"type": "string", "enum": [str(one) for one in ColumnUseKind]},
                    },
                    *resources.COLUMN_FIELDS,
                )
            ),
            "maxItems": resources.MAX_COLUMNS,
        },
    },
    *resources.FIELDS,
)
_QUESTION: Final = {
    "token": TOKEN,
    "principal": ref("Principal"),
    "datasource": text("Name of the datasource, as configured", MAX_NAME),
    "statement": ref("Statement"),
    "resource": ref("Resource"),
    "address": ADDRESS,
    "supported_obligations": {
        **listing({"type": "string", "enum": list(requests.OBLIGATIONS)}, "Obligations that the caller fulfils"),
        "maxItems": requests.MAX_KINDS,
    },
    "completes": {"type": "boolean", "description": "The caller will tell what went out (`/v1/complete`)"},
}
FINDING: Final = answered(
    {
        "rule": _STRING,
        "layer": {"type": "string", "enum": [layer.value for layer in Layer]},
        "mode": {"type": "string", "enum": [mode.value for mode in Mode]},
        "citation": _STRING,
        "message": _STRING,
        "fact": _STRING,
        "value": {"type": "string", "description": "As JSON text"},
        "remedy": _STRING,
    }
)
_ANSWER: Final[Mapping[str, Schema]] = {
    "decision_id": _STRING,
    "effect": {"type": "string", "enum": [effect.value for effect in Effect]},
    "reason": ref("Reason"),
    "message": _STRING,
    "detail": _STRING,
    "hint": _STRING,
    "obligations": listing({"type": "object", "properties": {"kind": _STRING}, "required": ["kind"]}),
    "findings": listing(ref("Finding")),
    "cross_border": _BOOLEAN,
    "valid_until": {"type": "integer", "description": "Seconds since 1970; nobody may rely on the answer after it"},
    "revision": _STRING,
    "reused": _BOOLEAN,
    "complaint": {
        "description": "The database's own words, where it rejects the statement itself",
        "oneOf": [
            {"type": "null"},
            answered({"sqlstate": _STRING, "fields": {"type": "object", "additionalProperties": _STRING}}),
        ],
    },
}
_MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
_FACTS: Final = answered(
    {
        "person": _MAYBE_TEXT,
        "employer": answered(
            {
                "known": _BOOLEAN,
                "note": _STRING,
                "chain": listing(
                    answered({"hop": _INTEGER, "name": _STRING, "country": _MAYBE_TEXT, "relation": _STRING})
                ),
            }
        ),
        "location": answered(
            {
                "countries": _STRINGS,
                "site": _MAYBE_TEXT,
                "source": _STRING,
                "confidence": _STRING,
                "conflict": _BOOLEAN,
                "note": _STRING,
            }
        ),
        "origin": _STRINGS,
        "statement": answered(
            {
                "kind": _STRING,
                "complete": _BOOLEAN,
                "incomplete": _MAYBE_TEXT,
                "detail": _STRING,
                "relations": _STRINGS,
                "columns": listing(answered({"relation": _STRING, "column": _STRING, "use": _STRING})),
            }
        ),
        "data": answered(
            {
                "about_people": _BOOLEAN,
                "types": _STRINGS,
                "subject_countries": _STRINGS,
                "storage_countries": _STRINGS,
                "unlabelled": _STRINGS,
            }
        ),
    }
)

COMPONENTS: Final[Mapping[str, Schema]] = {
    "Question": {
        **closed(_QUESTION, "datasource"),
        "oneOf": [{"required": ["statement"]}, {"required": ["resource"]}],
    },
    "Statement": STATEMENT,
    "Resource": RESOURCE,
    "Principal": closed(
        {
            "issuer": text("Who names them so: an issuer of the configuration", MAX_NAME),
            "subject": text("Their name there", MAX_NAME),
        },
        "issuer",
        "subject",
    ),
    "Questions": closed(
        {
            "token": TOKEN,
            "principal": ref("Principal"),
            "requests": {**listing(ref("Question")), "minItems": 1, "maxItems": requests.MAX_BATCH},
        },
        "requests",
    ),
    "Completion": closed(
        {
            "token": TOKEN,
            "decision_id": text("As the answer had it", completions.LONGEST_ID),
            "rows": whole("Rows that went out", completions.MOST),
            "bytes": whole("Bytes of them", completions.MOST),
            "subjects": whole("Distinct people in them; as many as rows, if nobody tells", completions.MOST),
            "sqlstate": text("Of the error it ended with", 5),
        },
        "decision_id",
        "rows",
    ),
    "Query": closed(
        {
            "token": TOKEN,
            "principal": ref("Principal"),
            "datasource": _QUESTION["datasource"],
            "sql": text("One SELECT", MAX_BODY),
            "parameters": {
                **listing({"type": ["string", "number", "boolean", "null"]}, "Of `$1` and so on"),
                "maxItems": requests.MAX_PARAMETERS,
            },
            "parameter_types": STATEMENT["properties"]["parameter_types"],
            "rows": {
                **whole(f"At most so many rows; {DEFAULT_ROWS} if nobody tells", MOST_ROWS),
                "minimum": 1,
            },
            "address": ADDRESS,
        },
        "datasource",
        "sql",
    ),
    "Rows": answered(
        {
            "columns": listing(answered({"name": _STRING, "type_oid": _INTEGER})),
            "rows": listing(listing({}, "Values, in the order of the columns")),
            "limited": {"type": "boolean", "description": "The row limit was reached: there may be more"},
        }
    ),
    "Decisions": answered(
        {
            "decision_id": {"type": "string", "description": "Of the decision that this may be read"},
            "decisions": listing({"type": "object"}),
            "next": {"type": "string", "description": "The cursor of the next page, which may come into being later"},
            "more": {"type": "boolean", "description": "Whether there may be more already"},
        }
    ),
    "Block": closed(
        {
            "name": text("A country (CN), an entity (id or LEI) or a person (subject, or issuer#subject)", MAX_NAME),
            "reason": text("Why: it is kept, and recorded", 1000),
            "until": {"type": "string", "format": "date", "description": "First day (UTC) on which it is over"},
        },
        "name",
        "reason",
    ),
    "Unblock": closed({"id": text("As `block` answered it", MAX_NAME)}, "id"),
    "OpaQuestion": closed({"input": ref("Question")}, "input"),
    "OpaAllowed": answered({"decision_id": _STRING, "result": _BOOLEAN}),
    "OpaDecided": answered({"decision_id": _STRING, "result": ref("Answer")}),
    "TrinoQuestion": closed(
        {"input": {"type": "object", "description": "As Trino's OPA access control sends it: `context` and `action`"}},
        "input",
    ),
    "TrinoAnswer": {"type": "object", "properties": {"result": {"description": "As that expects it"}}},
    "Completed": answered({"decision_id": _STRING}),
    "Answer": answered(_ANSWER),
    "Answers": answered({"answers": listing(ref("Answer"))}),
    "Explanation": answered({**_ANSWER, "nearest": _STRING, "facts": {"oneOf": [{"type": "null"}, _FACTS]}}),
    "Finding": FINDING,
    "Reason": {"type": "string", "enum": [reason.value for reason in Reason]},
    "Problem": {
        **answered(
            {
                "type": _STRING,
                "title": _STRING,
                "status": _INTEGER,
                "detail": _STRING,
                "reason": ref("Reason"),
            }
        ),
        "description": "RFC 9457: a request that never became a question",
    },
    "Alive": answered({"alive": _BOOLEAN}),
    "Ready": answered({"ready": _BOOLEAN, "problems": _STRINGS}),
    "Any": {"type": "object"},
}
