"""Delivery: brings the goods, and decides whether an order can still be undone."""
