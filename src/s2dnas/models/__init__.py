"""The static networks of the field, and how to get one by name, from a model zoo or from the user's own file."""
