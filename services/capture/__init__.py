"""Camera -> capture -> Frame: one process per camera, and all code that opens cameras."""
