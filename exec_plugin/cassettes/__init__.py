"""
Recorded HTTP answers of a Binance exchange: how they are made, kept free of secrets, and replayed (docs/testing.md).

``scrubbing`` knows what may not be written, ``tape`` is vcrpy's configuration, ``plays`` is what is recorded.
"""
