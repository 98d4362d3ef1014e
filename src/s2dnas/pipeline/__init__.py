"""One function per step over a run folder. Every step can be killed at any point and goes on where it stopped."""
