"""Identity's entities: state changes are methods that refuse."""
