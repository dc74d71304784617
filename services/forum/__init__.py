"""The shared forum as this region keeps it."""
