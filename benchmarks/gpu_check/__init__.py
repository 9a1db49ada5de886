"""What a GPU does for inference: `python -m benchmarks.gpu_check`."""
