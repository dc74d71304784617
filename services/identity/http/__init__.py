"""The HTTP edge: translates, calls one use case, answers."""
