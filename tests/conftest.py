"""What tests of several packages share."""

import torch
from hypothesis import settings

# Warnings are errors: one that torch gives only once must not depend on which test comes first.
torch.set_warn_always(True)

settings.register_profile("s2dnas", deadline=None, derandomize=True)
settings.load_profile("s2dnas")
