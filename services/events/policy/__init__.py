"""Pure rules of cafés: local wall time, who may see what, the code of the day."""
