"""What is new for whom, by category: one flag, without a count or a time."""
