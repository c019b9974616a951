"""Orders: takes orders and knows how each of them ended."""
