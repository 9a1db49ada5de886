"""Browsers that are cameras: they send pictures into the pipeline and get the readings back."""
