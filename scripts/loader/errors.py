"""What the commands raise for a user to read: each says what is wrong, where, and what to do."""


class UnusableInput(Exception):
    """A file or an argument that cannot be used; nothing was loaded. Exit status 2."""

    exit_code = 2


class WarehouseFailed(Exception):
    """The warehouse or the build failed. Exit status 1."""

    exit_code = 1


def one_line(error: Exception) -> str:
    """What an engine answered, short enough for one line of a message."""
    return " ".join(str(error).split())[:500]
