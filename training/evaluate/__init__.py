"""Every accuracy figure, and the page that shows them: `python -m training.evaluate`."""
