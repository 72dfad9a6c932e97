"""What the published OCSF schema, version 1.2.0, asks of the classes and objects we make: required attributes, those of
which one must be there, and the numbers of what we name. From its files `events/` and `objects/` and its dictionary."""

from __future__ import annotations

BASE = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
REQUIRED = {
    6005: BASE | {"actor", "src_endpoint"},
    3002: BASE | {"user"},
    6002: BASE | {"app"},
    0: BASE,
}
ONE_OF = {6005: {"database", "databucket", "table"}, 3002: {"service", "dst_endpoint"}, 6002: set(), 0: set()}
CATEGORY = {6005: 6, 3002: 3, 6002: 6, 0: 0}
ACTIVITIES = {
    6005: {
        0: "Unknown",
        1: "Read",
        2: "Update",
        3: "Connect",
        4: "Query",
        5: "Write",
        6: "Create",
        7: "Delete",
        8: "List",
        9: "Encrypt",
        10: "Decrypt",
        99: "Other",
    },
    3002: {0: "Unknown", 1: "Logon", 2: "Logoff", 99: "Other"},
    6002: {0: "Unknown", 1: "Install", 2: "Remove", 3: "Start", 4: "Stop", 99: "Other"},
    0: {0: "Unknown", 99: "Other"},
}
SEVERITIES = {1: "Informational", 2: "Low"}
STATUS = {1: "Success", 2: "Failure"}
# Of objects: what is required, and of what one at least.
OBJECTS = {
    "metadata": ({"product", "version"}, set()),
    "actor": (set(), {"process", "user", "invoked_by", "session", "app_name", "app_uid"}),
    "user": (set(), {"account", "name", "uid"}),
    "src_endpoint": (set(), {"ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid"}),
    "database": ({"type_id"}, {"name", "uid"}),
    "query_info": ({"query_string"}, set()),
    "policy": (set(), {"name", "uid"}),
    "product": ({"vendor_name"}, {"name", "uid"}),
    "location": (set(), {"city", "country", "postal_code", "region"}),
}
# The profile `security_control`.
ACTIONS = {1: "Allowed", 2: "Denied"}
DISPOSITIONS = {1: "Allowed", 2: "Blocked"}
