"""Facts leave a service through its outbox: written with the change, published by the relay."""
