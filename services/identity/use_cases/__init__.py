"""One function, one transaction; the caller commits."""
