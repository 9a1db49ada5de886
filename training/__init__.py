"""From data to shipped weights and the figures about them; needs the extra [train]."""

import shared  # noqa: F401 - before any ONNX Runtime of its own: it must not send telemetry
