"""One trial in plain PyTorch: fine-tuning and evaluation. No Ray."""
