"""The queue: the only process that binds a ZeroMQ socket. It schedules every frame and counts every drop."""
