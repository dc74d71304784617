"""Applies the shared forum's records, this region's own and mirrored ones, by the same code, in any order."""
