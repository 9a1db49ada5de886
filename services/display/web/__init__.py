"""The web interface of the display: its server, its API and the files for the browser."""
