"""Explanations of a reading on request, and the corrections that people make there."""
