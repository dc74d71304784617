"""Analytics: answers a study's questions without exposing anyone."""
