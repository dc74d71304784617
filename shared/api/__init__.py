"""What every service's HTTP edge has in common."""
