"""The search space: plans, what they cost, and how they are drawn."""
