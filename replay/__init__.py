"""Replays: clients of the public HTTP API that play what happened elsewhere. They know nothing else of Peercafe."""
