"""From a built network to files that run without PyTorch: a graph per stage, and what a runtime must know of them."""
