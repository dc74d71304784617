"""Reads: plain SQL, rows to JSON-ready dicts, no domain objects."""
