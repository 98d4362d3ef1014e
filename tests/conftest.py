"""What tests of several packages share."""

import sys
from pathlib import Path

from hypothesis import settings

# Test files are imported by path, so that equal names in two folders do not collide; tests/nets.py is the exception.
sys.path.insert(0, str(Path(__file__).parent))

settings.register_profile("s2dnas", deadline=None, derandomize=True)
settings.load_profile("s2dnas")
