"""A real year of a supermarket's sales (the data set "The Complete Journey"), as orders for the shop.

Its catalogue; its lines in the order in which they were bought, as load on a running shop or as history; and what its
sales add up to.
"""
