"""How fast the training steps are, measured in turn against a plain PyTorch loop."""
