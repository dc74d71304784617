"""What can be done in the forum: one function, one transaction, committed at the edge."""
