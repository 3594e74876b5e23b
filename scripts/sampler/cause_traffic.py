"""The models that are called in the sample of the causes, how often and with how many tokens."""

from dataclasses import dataclass
from random import Random

from sampler.cause_prices import LONG, Tokens
from sampler.vocabulary import UNLISTED

CACHE_BLOCK = 128  # tokens
LONG_PROMPT = (LONG, LONG + 60_000)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Calls of a model. Pairs are the least and the most; no model has fewer tokens by chance."""

    model: str
    exported: str  # its name on bills and in exports
    action: str
    input: tuple[int, int]
    output: tuple[int, int]
    calls: tuple[int, int] = (0, 0)  # of an ordinary day
    has_cache: bool = True
    has_cache_write: bool = False
    has_reasoning: bool = False
    long_of_100: int = 0  # ordinary calls with a long prompt
    project: int = 0

    def tokens(self, rnd: Random, is_full: bool) -> Tokens:
        """Tokens of a call; `is_full`: none of the kinds that the model has is missing."""
        put, out = rnd.randint(*self.input), rnd.randint(*self.output)
        if not is_full and rnd.randrange(100) < self.long_of_100:
            put = rnd.randint(*LONG_PROMPT)
        is_cached = self.has_cache and (is_full or rnd.random() < 0.4)
        is_written = self.has_cache_write and (is_full or rnd.random() < 0.4)
        return Tokens(
            put,
            rnd.randint(1, put // 2 // CACHE_BLOCK) * CACHE_BLOCK if is_cached else 0,
            rnd.randint(put // 20, put // 4) if is_written else 0,
            out,
            rnd.randint(out // 4, out * 3 // 4) if self.has_reasoning else 0,
        )


FEW, MANY = (8, 12), (31, 36)

# called every day, by requests in the one month and in the exports of the other
DAILY = (
    Traffic(
        "gpt-5.6",
        "gpt-5.6",
        "chat",
        (6_000, 30_000),
        (700, 4_000),
        calls=FEW,
        has_cache_write=True,
    ),
    Traffic(
        "gpt-5.6-luna",
        "gpt-5.6-luna",
        "summarize",
        (30_000, 90_000),
        (1_500, 6_000),
        calls=FEW,
        has_cache_write=True,
    ),
    Traffic(
        "gpt-5.4", "gpt-5.4", "agent_step", (5_000, 30_000), (800, 4_000), calls=FEW, long_of_100=6
    ),
    Traffic(
        "gpt-5.2", "gpt-5.2", "agent_step", (9_000, 40_000), (800, 4_000), calls=FEW, project=1
    ),
    Traffic("gpt-4.1", "gpt-4.1-2025-04-14", "chat", (8_000, 40_000), (900, 4_000), calls=FEW),
    Traffic("gpt-4o", "gpt-4o-2024-08-06", "chat", (9_000, 30_000), (900, 3_000), calls=FEW),
    Traffic(
        "o4-mini",
        "o4-mini-2025-04-16",
        "agent_step",
        (8_000, 20_000),
        (3_000, 9_000),
        calls=FEW,
        has_reasoning=True,
        project=1,
    ),
)
# so many calls that a price can be read off a day of the bill
REQUESTS_MODEL = Traffic(
    "gpt-5-mini", "gpt-5-mini-2025-08-07", "chat", (20_000, 60_000), (1_000, 5_000), calls=MANY
)
EXPORTS_MODEL = Traffic(
    "gpt-5.4-mini", "gpt-5.4-mini-2026-03-17", "chat", (9_000, 40_000), (900, 4_000), calls=MANY
)
# called only where something is planted
PLANTED = (
    Traffic("gpt-4o-mini", "gpt-4o-mini-2024-07-18", "chat", (60_000, 120_000), (2_000, 6_000)),
    Traffic("gpt-5.2-pro", "gpt-5.2-pro", "chat", (2_000, 9_000), (500, 2_000), has_cache=False),
    Traffic(
        "gpt-4o-2024-05-13",
        "gpt-4o-2024-05-13",
        "chat",
        (2_000, 9_000),
        (500, 2_000),
        has_cache=False,
    ),
    Traffic(
        "claude-opus-4-6",
        "anthropic/claude-opus-4-6",
        "agent_step",
        (201_000, 260_000),
        (900, 4_000),
        has_cache_write=True,
    ),
    Traffic(UNLISTED, UNLISTED, "chat", (4_000, 9_000), (500, 2_000)),
)
BY_MODEL = {kind.model: kind for kind in (*DAILY, REQUESTS_MODEL, EXPORTS_MODEL, *PLANTED)}
