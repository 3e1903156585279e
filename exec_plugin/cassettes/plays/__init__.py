"""
What is recorded: a short play for each call of the client, as it goes well and as it fails.

A play takes all that it sends from constants and from what it was answered, so that it asks a cassette the same
questions that it asked when that was recorded.
"""

from __future__ import annotations

# importing them is what fills PLAYS
from exec_plugin.cassettes.plays import account, market, sessions, trading
from exec_plugin.cassettes.plays.base import ACCOUNT, PLAYS, PUBLIC, SYMBOL, TRADING, Play

__all__ = ["ACCOUNT", "PLAYS", "PUBLIC", "SYMBOL", "TRADING", "Play", "account", "market", "sessions", "trading"]
