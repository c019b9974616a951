"""A comparison as one HTML page that explains itself: no network, no script, opens from disk."""
