"""The services. Each owns its tables and imports no other."""
