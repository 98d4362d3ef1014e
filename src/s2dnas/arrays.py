"""The arrays that NumPy code passes on, by the type of their entries."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Images = npt.NDArray[np.float32]
"""(N, C, H, W), normalised as in training."""
