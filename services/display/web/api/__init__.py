"""The HTTP API for programs: cameras, cells, stages, readings, events, streams, the webhook and recordings."""
