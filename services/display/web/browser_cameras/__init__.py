"""Browsers that are cameras: their pictures go into the pipeline, and what was read comes back to them."""
