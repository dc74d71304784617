"""Communities, gatherings, answers and guests, with the changes they allow."""
