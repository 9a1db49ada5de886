"""What every process of the pipeline shares: start, stop, log, and the loop of a worker stage."""
