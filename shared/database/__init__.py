"""A service's own PostgreSQL: engine, migrations, and the bookkeeping tables each has."""
