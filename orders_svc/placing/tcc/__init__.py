"""Wiring ``tcc``: Try-Confirm/Cancel over REST. ``assembly.build`` puts it together."""
