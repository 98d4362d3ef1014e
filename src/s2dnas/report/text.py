"""Numbers and names as people read them, the same everywhere in a report."""

import string


def percent(fraction: float, decimals: int = 1) -> str:
    """``0.869`` as ``86.9 %``."""
    return f"{100 * fraction:.{decimals}f} %"


def points(difference: float) -> str:
    """A difference of two accuracies in points, signed: ``-0.005`` as ``−0.50``; what rounds to zero has no sign."""
    text = f"{100 * difference:+.2f}".replace("-", "\N{MINUS SIGN}")
    return "0.00" if text[1:] == "0.00" else text


def millions(macs: float) -> str:
    """``40_551_000`` as ``40.55``."""
    return f"{macs / 1e6:.2f}"


def duration(seconds: float) -> str:
    """``4000`` as ``1 h 07 min``, ``75`` as ``1 min 15 s``, ``7.25`` as ``7.2 s``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def letter(index: int) -> str:
    """The letter of an operating point: A, B, ..., Z, AA, AB, ..."""
    letters = string.ascii_uppercase
    return (letter(index // 26 - 1) if index >= 26 else "") + letters[index % 26]


def shorten(name: str, length: int) -> str:
    """At most ``length`` printable characters; the end of a qualified name tells most, so its middle goes first."""
    clean = "".join(character if character.isprintable() else "?" for character in name)
    if len(clean) <= length:
        return clean
    head = length // 3
    return clean[:head] + "…" + clean[len(clean) - (length - head - 1) :]
