"""From data to shipped weights and the figures about them; needs the extra [train]."""
