"""Speed as ratios against the raw library on the same work in the same run. Never asserted on wall-clock time."""
