"""The HTTP API for programs: cameras, readings, events, streams, snapshots and recordings."""
