"""The messages services exchange: topics, envelope, payloads. Knows only pydantic."""
