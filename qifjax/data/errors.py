"""The one error of everything that reads data."""


class DataError(Exception):
    """Data is missing, damaged or of another kind; the message says what to do."""
