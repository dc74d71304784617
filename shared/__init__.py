"""What two or more services use, and no business rule."""
