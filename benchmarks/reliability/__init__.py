"""docs/reliability.md: what the processes promise, and what chaos, soak and fuzz have shown."""
