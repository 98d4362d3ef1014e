"""The systems that a multi-stage network is compared with, trained and measured by the same code."""
