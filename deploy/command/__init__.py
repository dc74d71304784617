"""The `peercafe` command."""
