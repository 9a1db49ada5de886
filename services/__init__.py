"""One process each: a stage of the pipeline, and what a person types (cli.py)."""
