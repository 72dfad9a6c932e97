"""Sekisho: a policy-as-code access gateway for databases."""
