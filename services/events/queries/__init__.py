"""Reads: plain SQL, shaped for whoever asks. Nothing here writes."""
