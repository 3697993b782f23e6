"""Checkpoints for other runtimes: ONNX, torch.export and TorchScript, each checked against the original."""
