"""Hostile inputs by the hundred thousand: `make fuzz`, and a short version in tests/fuzz/test_fuzz.py."""
