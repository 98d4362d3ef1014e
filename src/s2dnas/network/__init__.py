"""What every network with several exits offers and knows of itself; ``masked`` and ``staged`` hold the networks."""
