"""What tests of several packages share."""

from hypothesis import settings

settings.register_profile("s2dnas", deadline=None, derandomize=True)
settings.load_profile("s2dnas")
