"""The processes of the pipeline: one module or package for each stage."""
