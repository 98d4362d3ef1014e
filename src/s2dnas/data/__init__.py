"""Images with labels: where they come from, how they are divided, and the batches that a network sees."""
