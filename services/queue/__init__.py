"""The queue: the only process that binds a socket. It schedules every frame and counts every drop."""
