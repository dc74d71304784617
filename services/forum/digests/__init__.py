"""Whether every region has all that each wrote: sums told each other, compared at home, repaired there (DESIGN §4)."""
