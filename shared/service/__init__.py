"""What every process of the pipeline does: start, stop, log, and turn the loop of its stage."""
