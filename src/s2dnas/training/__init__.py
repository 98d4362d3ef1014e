"""One training loop for all networks, the losses, and the checkpoints that it goes on from."""
