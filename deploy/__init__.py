"""How Peercafe is run: the only package that knows all services."""
