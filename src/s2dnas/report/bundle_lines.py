"""For the terminal: whether a bundle answers as the PyTorch network does."""

from collections.abc import Iterator

from s2dnas.export.bundle_check import BundleCheck


def bundle_lines(name: str, check: BundleCheck) -> Iterator[str]:
    """Lines on the check of a bundle of that name."""
    for index, error in enumerate(check.stage_errors):
        yield f"  logits of stage {index + 1}: within {error:.1e} of their spread"
    if check.single_error is not None:
        yield f"  logits of the single file: within {check.single_error:.1e} of their spread"
    for answers in check.answers:
        counts = f"{answers.other_exits} other exits, {answers.other_answers} other answers"
        nearness = f", up to {answers.furthest:.1e} from a tie" if answers.differences else ""
        yield f"  {answers.part}, {answers.point}: {counts}{nearness}"
    for fault in check.faults:
        yield f"  wrong: {fault}"
    verdict = "passed" if check.passed else "FAILED"
    yield (
        f"{name}: {verdict}, {check.images} images, tolerance {check.tolerance:.0e} of what logits vary by, "
        f"{check.rounding:.0e} of a score"
    )
