"""What a network could become: plans, what they cost, and where they are drawn from."""
