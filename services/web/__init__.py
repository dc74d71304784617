"""The web client: server-rendered pages over the gateway, with nothing at rest."""
