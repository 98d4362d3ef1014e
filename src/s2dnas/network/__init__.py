"""Networks with several exits: the contract, the shared network of all plans, and the one that a plan is built into."""
