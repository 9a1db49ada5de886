"""Pure functions on arrays: from a picture to digits, steady digits and numbers."""
