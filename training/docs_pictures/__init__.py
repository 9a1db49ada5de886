"""Commands that make the pictures of the documentation and of the demo camera."""
