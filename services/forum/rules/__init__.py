"""The shared forum's rules (DESIGN §4), pure: what a record says is all they know, and they import contracts alone.

What is merged here is a semilattice: in whatever order, how often and in whatever batches records come, the state is
the same. PostgreSQL computes the same in the statements of `replicas` and `queries`; tests hold the two together.
"""
