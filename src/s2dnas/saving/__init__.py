"""A network as a folder: saved whole, loaded without the code that made it, and without capturing anything anew."""
