"""Which network? Classifiers map images in [0, 1] to logits."""
