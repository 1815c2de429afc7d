"""The package's own errors; the command line prints them without a traceback."""


class TwinPrivacyError(Exception):
    """Base of every error that the package raises on purpose."""


class DataError(TwinPrivacyError, ValueError):
    """A data file or a user's table is missing, changed or malformed."""


class ParameterError(TwinPrivacyError, ValueError):
    """An argument is outside what the function allows."""


class FitError(TwinPrivacyError, RuntimeError):
    """An estimate cannot be had from these data."""


class FigureError(TwinPrivacyError, ValueError):
    """A figure is missing, incomplete or registered twice."""
