"""Proof on demand: built networks against the user's module and the masked network, costs against a counter."""
