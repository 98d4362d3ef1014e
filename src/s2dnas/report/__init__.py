"""Reports of a run: a page with plots, its data as JSON, and a table for the terminal."""
