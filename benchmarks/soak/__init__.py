"""digitcam soak: a pipeline lives through changes and faults for hours; no process may grow."""
