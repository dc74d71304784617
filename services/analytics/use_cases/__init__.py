"""One function, one transaction each."""
