"""How long what waits will take."""

_NEWEST = 0.2
"""The weight of the last batch in the moving mean."""


class Pace:
    """Seconds per image, a moving mean over batches of ``workers`` that work side by side; 0 before the first."""

    def __init__(self, workers: int) -> None:
        self._workers, self._per_image = workers, 0.0

    def took(self, images: int, seconds: float) -> None:
        """Learn from a batch."""
        found = seconds / images
        self._per_image += (found - self._per_image) * (_NEWEST if self._per_image else 1.0)

    def seconds(self, images: int) -> float:
        """How long so many images will take."""
        return images * self._per_image / self._workers
