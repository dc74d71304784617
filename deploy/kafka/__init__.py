"""The topics as the catalogue wants them."""
