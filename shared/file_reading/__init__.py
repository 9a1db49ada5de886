"""What is kept in RUN_DIR about files that are read once: how far each has been read, and how its frames ended."""
