"""digitcam chaos: hurts a pipeline of its own in every known way, and judges from outside whether it recovers."""
