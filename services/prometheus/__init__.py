"""Prometheus on this machine, with the scrape configuration, recording rules and alerts of the pipeline."""
