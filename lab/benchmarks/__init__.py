"""Measurements of parts of the shop, each beside a baseline in the same run. They are no tests: nothing fails."""
