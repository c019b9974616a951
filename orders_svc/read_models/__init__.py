"""Replicated and summed-up views that orders builds from events: one module each."""
