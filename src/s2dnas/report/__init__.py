"""What came out, for people: a page with plots, its data as JSON, and a table for the terminal."""
