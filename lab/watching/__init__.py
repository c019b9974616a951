"""Looking at a running shop: what it is doing, and where an order is on its way."""
