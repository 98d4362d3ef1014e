"""The version of s2dnas, for files that say what wrote them."""

__version__ = "0.1.0"
