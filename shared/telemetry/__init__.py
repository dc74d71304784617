"""What a service tells its operators: log lines in which nothing personal can stand, and metrics that follow nobody."""
