"""Identity: who may come in, one alias per service, and the switchboard between them."""
