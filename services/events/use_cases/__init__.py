"""What people do with cafés: one function, one transaction each, committed at the edge."""
