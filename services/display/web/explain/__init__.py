"""Why did it say that? Answered when somebody asks, from the picture that is there; it costs nothing otherwise."""
