"""Cameras: the list of them and its words, what they give, and how each is judged. No driver is touched here."""
