"""Communities and gatherings: cafés, answers, check-ins. Everything here stays in its region."""
