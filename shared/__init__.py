"""Code without a process of its own: messages, the queue's rules, settings, and (vision/) what is done to a picture."""

import os

# since 1.29 ONNX Runtime tells its makers about each model that is loaded, unless this is set before it is imported
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
