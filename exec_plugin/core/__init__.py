"""The deterministic heart: matching, ledger and clock in integers, without any I/O."""
