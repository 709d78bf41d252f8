"""Why a model could not be read, or not wholly."""


class BadModel(ValueError):
    """A file is broken or says something impossible; the text names the file and the member."""


class NotSaid(LookupError):
    """The files do not say what was asked for; the text names the member. It becomes an entry of ``unknown``."""
