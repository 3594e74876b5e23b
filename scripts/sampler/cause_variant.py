"""What a sample of the causes holds, and the lines of its files while they are made."""

from dataclasses import dataclass, field

Line = tuple[str, str]  # by what it is sorted, and the line


@dataclass(frozen=True, slots=True)
class Variant:
    """A folder of its own: with mistakes, or with noise, or with neither."""

    folder: str
    has_causes: bool = False
    is_noisy: bool = False


@dataclass(slots=True)
class Lines:
    """Lines of the files, in any order."""

    bill: list[Line] = field(default_factory=list)
    openrouter: list[Line] = field(default_factory=list)
    costs: list[Line] = field(default_factory=list)
    usage: list[Line] = field(default_factory=list)
    log: list[Line] = field(default_factory=list)
