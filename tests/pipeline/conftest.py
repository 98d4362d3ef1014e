"""What several tests of searches begin with."""

import pytest

from s2dnas.pipeline.run import Run
from small_run import do_until, open_small


@pytest.fixture(scope="session")
def static(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose static network is trained; to be copied, not to be gone on with."""
    return do_until(open_small(tmp_path_factory.mktemp("static")), "static")
