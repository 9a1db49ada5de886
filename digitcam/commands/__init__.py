"""One file for each command of digitcam."""
