"""What fetching raises besides UnusableInput: what is wrong, where, and what to do."""


class ProviderFailed(Exception):
    """The provider or the way to it failed; whole pages are kept. Exit status 1."""

    exit_code = 1


class NotOffered(Exception):
    """The provider answers 404: it has no such resource, or none for this organisation."""
