"""Whether the causes that are found may stand beside those that were planted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

SIDES = ("log", "bill")


def is_as_planted(cause: str | None, candidates: str, truth: str | None, proof: str | None) -> bool:
    """Whether a cause is the planted one or, where nothing proves that one, leaves it open.

    `proof` is "false" where the row does not prove its cause. An ambiguous cause leaves it open
    where it is among the candidates, as the mart lists them.
    """
    if cause == truth or proof != "false":
        return cause == truth
    if cause == "ambiguous":
        return truth in candidates.split(", ")
    return cause == "unexplained"


def wrong_sides(found: Mapping[object, Mapping], planted: Iterable[tuple]) -> Iterator[tuple]:
    """Sides of planted rows, given with their keys, that have a cause which may not stand."""
    for key, row in planted:
        for side in SIDES:
            cause, truth = found[key][f"{side}_cause"], row[f"{side}_cause"]
            candidates = found[key]["cause_candidates"] or ""
            if not is_as_planted(cause, candidates, truth, row[f"is_{side}_cause_provable"]):
                yield row["situation"], key, side, truth, cause, candidates
