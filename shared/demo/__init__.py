"""The demo camera and what it films: a desk, a sheet of paper, handwritten digits, changing light."""
