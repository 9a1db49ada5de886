"""How fast and how fresh: `digitcam bench`. A file a bench; what they share is film.py, pipeline.py and trust.py."""
