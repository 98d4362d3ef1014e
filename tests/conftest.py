"""What tests of several packages share."""

import os
import tempfile

import torch
from hypothesis import settings

# Warnings are errors: one that torch gives only once must not depend on which test comes first.
torch.set_warn_always(True)

# What is made for this machine is not taken from, or left in, the user's cache.
os.environ["S2DNAS_CACHE"] = tempfile.mkdtemp(prefix="s2dnas-cache-")

settings.register_profile("s2dnas", deadline=None, derandomize=True)
settings.load_profile("s2dnas")
