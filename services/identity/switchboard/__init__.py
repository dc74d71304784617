"""Consumes facts under one alias and publishes them under another: nothing that leaves matches what came."""
