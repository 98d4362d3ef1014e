"""HTTP: importing what is in here needs the extra ``serve``."""
