"""`Skipped`: why a benchmark cannot run here."""


class Skipped(Exception):
    """Why a benchmark cannot run here."""
