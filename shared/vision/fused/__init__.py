"""The recognizer as one chain of dense torch operations, for a GPU: it gives what shared.vision.recognizer gives."""
