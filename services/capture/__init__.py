"""Camera -> capture -> Frame: one process for each camera, and everything that touches one."""
