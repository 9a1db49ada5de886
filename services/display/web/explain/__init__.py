"""Explanations of a reading on request, and the corrections that users make there."""
