"""What a network is made of: captured calls, the channels that must stay together, and what cannot be divided."""
