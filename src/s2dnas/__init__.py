"""Turn a trained static CNN into a dynamic network: easy inputs leave early, hard ones go on."""

__version__ = "0.1.0"
