"""The load generator: an open loop in a process of its own.

``python -m lab.load`` reads a plan (JSON) on stdin, sends the orders and prints a result (JSON) on stdout; the orders
themselves go to the plan's records file, one line each.
"""
