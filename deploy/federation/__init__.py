"""Regions that share the forum: who a region's neighbours are, what they may read, how the links are."""
