"""What two or more of services/, digitcam/, training/ and benchmarks/ use."""

import os

# ONNX Runtime (since 1.29) reports each loaded model to its makers, unless this is set before it is imported
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
