"""Frame, GrayFrame, Reading -> queue -> who asked: the one process that binds, schedules and counts every drop."""
