"""One region on one machine: PostgreSQL, Redis and Kafka from wheels and jars, all services in one process."""
