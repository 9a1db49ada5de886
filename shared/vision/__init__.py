"""From pictures to digits, tracks and numbers: mostly pure functions on arrays."""
