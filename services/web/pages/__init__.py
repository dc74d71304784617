"""One module per place a person can be. Each lists its `routes`."""
