"""
Where what stands in a budget's state: the numbers of ``LimitStore``, given names.

A window is a slot of four cells: its number (server time divided by its length), the counter that the exchange
reported, what we settled in it, and what strangers are known to have spent. Windows alternate between two slots, so
that an answer that comes late still finds its own.
"""

from __future__ import annotations

# The server's clock minus the store's lies between LOW and HIGH, as known at KNOWN (0.0: never asked).
LOW, HIGH, KNOWN = 0, 1, 2
# Nothing leaves before BLOCKED; BANNED is the same moment when it is a ban.
BLOCKED, BANNED = 3, 4
# How much of the windows is used (stored as what is missing to 1), and since when.
MISSING, CUT = 5, 6
# Weight and requests without an answer.
FLIGHT, REQUESTS = 7, 8
# When the newest request was sent of which a counter is known, and when the state began.
REPORTED, BORN = 10, 11
# When somebody last looked for members that were killed.
SWEPT = 12
# When a report last came while nothing was in flight: what strangers had spent was then known exactly.
CLEAR = 13
# What an answer said of the clocks' difference that could not be, until a second one agrees.
DOUBT_LOW, DOUBT_HIGH = 14, 15

# A slot of a window.
INDEX, USED, SETTLED, STRANGERS, SLOT = 0, 1, 2, 3, 4
WEIGHT, RAW = 16, 24

# Accounts: a key, orders without an answer, when new orders may leave, and two windows of two slots.
ACCOUNTS, ACCOUNT_ROWS, ACCOUNT_SIZE = 32, 8, 20
KEY, ORDERS, ORDERS_BLOCKED, ORDER_WINDOWS = 0, 1, 2, 4

# Members are the limiters that spend the budget: what each has in flight, so that a killed one can be cleared.
MEMBERS, MEMBER_ROWS, MEMBER_SIZE = 192, 64, 8
WHO, SENT, OWN_FLIGHT, OWN_REQUESTS, OWN_ORDERS, OWN_ACCOUNT = 0, 2, 3, 4, 5, 6

# Two curves: what strangers spend, and what our own orders and cancels do.
STRANGE, URGENT = 720, 1500
