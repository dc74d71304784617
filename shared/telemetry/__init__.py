"""What a service tells its operators: log lines made so that nothing personal can stand in them."""
