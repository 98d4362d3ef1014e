"""What a network answers to a data set, as tables without torch."""
