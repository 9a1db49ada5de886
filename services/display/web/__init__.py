"""The web page of the display: its server, and the files that the browser gets."""
