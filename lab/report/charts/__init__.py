"""Charts as inline SVG, 360 units wide: as wide as a phone, so that their letters can be read there."""
