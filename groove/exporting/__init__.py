"""A run for other programs: tables, model, ONNX."""
