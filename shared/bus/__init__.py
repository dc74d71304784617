"""How a service takes part in Kafka: broker, consumers of states and facts, dead letters (DESIGN §3)."""
