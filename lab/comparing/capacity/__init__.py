"""Capacity by search: the highest rate at which nearly all orders are confirmed in time, and nothing piles up."""
