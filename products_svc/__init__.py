"""Products: the catalogue, and the stock that orders take from it."""
