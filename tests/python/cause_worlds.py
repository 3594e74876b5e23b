"""Worlds of calls whose amounts were made wrongly, each by a hypothesis or beside all of them.

A world is two bills and a log. Most calls are priced by one hypothesis of the seed on each side,
some by two at once, by none, or a hair off; what the rows state of tiers, regions and fees fits the
hypothesis, contradicts it or is missing. Some calls are made so that one clause of a rule decides.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from causes_oracle import (
    Hypothesis,
    Pair,
    Rules,
    Tokens,
    amounts_under,
    class_amounts,
    listed_name,
    tiers_of,
)
from oracle import Billed, Call, Line, Reference, list_price, tokens_of, usd
from test_random_months import Draft

PERIODS = {  # models that the list has several prices of, and times between which they change
    "o3": ("2025-06-10",),
    "o3-2025-04-16": ("2025-06-10",),
    "gpt-5.6": ("2026-08-21",),
    "openai/gpt-5.6": ("2026-08-21",),
    "claude-sonnet-4-6": ("2026-03-13",),
    "mistral-large-4": ("2026-10-20", "2026-10-29"),
    "grok-4.20": ("2026-04-30",),
    "mistral-small-latest": ("2026-03-16",),
}
MODELS = (
    *PERIODS,
    *("gpt-4o", "openai/gpt-4o-2024-08-06", "gpt-4o-mini", "gpt-4.1", "gpt-5", "gpt-5.4"),
    *("gpt-5.4-2026-03-05", "gpt-5.2", "o1", "anthropic/claude-sonnet-4.5", "gpt-4-turbo"),
    *("gemini-2.5-pro", "ft:gpt-4o-2024-08-06:acme::b7"),
    *("unheard-of", "acme/unheard-of-2025-01-01"),
)
DAYS = ("2025-06-10", "2026-03-13", "2026-08-21", "2026-10-20", "2026-10-29")
HOURS = (-30, -1, -0.0001, 0, 0, 0.0001, 1, 7.5, 23, 40)
INPUTS = (1, 9, 400, 2000, 2000, 12_345, 12_345, 128_000, 200_000, 272_000, 272_001, 300_000)
OUTPUTS = (0, 1, 80, 777, 777, 4000)
TIERS = (
    *(None, None, None, None, None, None, "auto", "AUTO", "default", "standard", "flex", "Flex"),
    *("priority", "batch", "incentivized-tier", "scale"),
)
BATCHES = (None, None, None, None, False, True)
REGIONS = (None, None, None, None, " ", "eu")
FEES = (None, None, None, "0", "0.01", "0.025")
TINY = "text-embedding-3-small"  # of which a token costs so little that some errors are noise
OTHER_MODELS = (TINY, "acme-embedding", "gpt-5", "o3", "gpt-5.6-luna", "mistral-large-4")
EDGES = (
    *("0.0000000012", "0.0000000015"),
    *("0.000000001", "-0.000000001", "0.000000001000000001", "-0.000000001000000001"),
    *("0.000000000999999999", "0.0000000005", "-0.0000000008", "0.0000000016", "-0.00000002"),
)
ACTIONS = (None, "chat", "chat", "admin_grant")
OWN_ROWS = {  # what people may add to the seeds
    "ai_model_pricing.csv": """\
acme,acme-1,1970-01-01,0,0.123457,,0.3,0.9,own
acme,acme-1,2026-03-13,0,0.123457,,0.3,0.9,own
acme,acme-1,2026-08-21,0,0.2,0.05,,1.000001,own
acme,acme-1,2026-08-21,1000,0.3,0.05,0.4,,own
acme,acme-1,2026-10-20,0,0.15,0.05,0.2,1.1,own
acme,acme-free,1970-01-01,0,0,0,0,0,own
acme,acme-embedding,1970-01-01,0,0.0191,,,,own
""",
    "service_tiers.csv": """\
scale,priority,1.25,2026-03-13,2026-10-20,own
batch,batch,0.4,2026-08-21,,own
""",
    "variance_causes.csv": """\
margin,Margin,"A gateway adds its margin","Nothing to mend",bill,true
cache_halved,Cache halved,"Cached tokens at half their price","Use the price",either,true
surcharge,Surcharge,"Long prompts cost more","Nothing to mend",bill,true
rounding,Rounding,"Its code is a part of another code","Nothing to mend",either,true
""",
    "pricing_hypotheses.csv": """\
own_margin,margin,bill,4,,0,in_force,1,1,0,1,0,1,0,1.012345,0,none
own_margin_and_fee,margin,,1,fee,0,in_force,1,1,0,1,0,1,0,1.012345,1,none
own_two_fees,fee,bill,1,fee,0,in_force,1,1,0,1,0,1,0,1,2,none
own_half_cache,cache_halved,,2,,0,in_force,1,0.5,0,1,0,1,0,1,0,none
own_cache_mix,cache_halved,log,2,,0,in_force,1,0.25,0.25,0.5,0.5,1,0,1,0,none
own_surcharge,surcharge,bill,4,,128000,in_force,1,1,0,1,0,1,0,1.2,0,none
own_old_cents,stale_price,log,3,,0,earlier,1,1,0,1,0,1,0,1,0,cent
own_old_without_cache,cache_ignored,,3,,0,earlier,1,0,1,1,0,1,0,1,0,none
own_later_reasoning,reasoning_counted_twice,,3,,0,later,1,1,0,1,0,1,0.5,1,0,none
own_short_and_half,surcharge,,3,,0,short_context,1,1,0,1,0,1,0,0.5,0,none
own_logged_margin,margin,log,2,,0,logged_tokens,1,1,0,1,0,1,0,1.05,0,none
own_region,regional_uplift,bill,1,region,0,in_force,1,1,0,1,0,1,0,1.15,0,cent
own_batch_output,batch,,4,,0,in_force,1,1,0,1,0,0,0,,0,none
""",
}


class World:
    """Two bills and a log, drawn from a seed; `rules` are those that make the amounts."""

    def __init__(self, seed: int, reference: Reference, rules: Rules) -> None:
        self.rng = random.Random(seed)
        self.reference, self.rules = reference, rules
        self.periods = dict(PERIODS)
        if "acme-1" in reference.prices:
            self.periods["acme-1"] = ("2026-03-13", "2026-08-21", "2026-10-20")
            self.periods["acme/acme-1"] = self.periods["acme-1"]
        self.models = (*MODELS, *list(self.periods)[len(PERIODS) :])
        self.serial = 0
        start = datetime(2025, 6, 1)
        self.bill = Draft("bill", "openai", start, 600)
        self.router = Draft("router", "openrouter", start, 600)
        self.log = Draft("log", None, start, 600)
        self.files = [self.bill, self.router, self.log]
        for draft in self.files:
            draft.loaded_at = datetime(2026, 12, 1)
        parts = {
            self.matched: 1200,
            self.of_other_tokens: 400,
            self.of_any_price: 250,
            self.of_any_tier: 250,
            self.of_a_tiny_call: 150,
            self.of_one_side: 150,
        }
        for part, count in parts.items():
            for _ in range(count):
                part()
        for draft in self.files:
            self.rng.shuffle(draft.rows)
            draft.rows = [
                replace(row, line_number=2 + place) for place, row in enumerate(draft.rows)
            ]

    def one(self, values: Iterable):
        return self.rng.choice(list(values))

    def is_lucky(self, chance: float) -> bool:
        return self.rng.random() < chance

    def name(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}{self.serial}"

    # a call that is logged and billed

    def matched(self) -> None:
        """A call and its billed request, each with an amount of its own making."""
        ways = {
            side: self.way([way for way in self.rules.hypotheses if way.side in (None, side)])
            for side in ("log", "bill")
        }
        main = ways[self.one(ways)]
        if main.side is None and self.is_lucky(0.5):
            # what makes the one amount would make the other too
            ways = dict.fromkeys(ways, main)
        draft = self.one([self.bill, self.bill, self.bill, self.router])
        model = self.model(main)
        at = self.moment(model)
        tokens = self.tokens(main)
        call, line = self.call(model, at, tokens), self.line(model, at, tokens)
        call, line = self.with_facts(main, call, line)
        if draft is self.router:
            line = replace(line, service_tier=None, is_batch=None, region=None)
            line = replace(line, cache_write_tokens=None)
        call, line = self.counted_otherwise(main, call, line)

        billed_usd = self.amount(ways["bill"], "bill", call, line)
        logged_usd = self.amount(ways["log"], "log", call, line)
        if billed_usd is not None and self.is_lucky(0.1):
            # equal but for noise, whatever the list price
            logged_usd = billed_usd + Decimal(self.one(["0", *EDGES]))
        elif (listed := self.made(None, "log", call, line)) is not None and self.is_lucky(0.02):
            # both sides off by noise, but the two together by more
            hair = Decimal("0.0000000008")
            logged_usd, billed_usd = listed - hair, listed + hair
        self.add(call, line, logged_usd, billed_usd, draft)

    def add(
        self,
        call: Call,
        line: Line,
        logged_usd: Decimal | None,
        billed_usd: Decimal | None,
        draft: Draft | None = None,
    ) -> None:
        """Log the call and bill the line; sometimes logged again, or billed in two lines."""
        if billed_usd is None and None in (line.input_tokens, line.output_tokens):
            billed_usd = Decimal("0.5")
        line = replace(line, cost_usd=billed_usd)
        if logged_usd is not None:
            call = replace(call, calculated_cost_cents=logged_usd * 100)
        self.log.rows.append(call)
        if self.is_lucky(0.03):
            again = replace(call, id=self.name("u"), created_at=call.created_at + timedelta(1))
            self.log.rows.append(again)
        lines = self.in_parts(line) if self.is_lucky(0.1) else [line]
        is_whole = len(lines) == 1 and None not in (line.request_id, line.billed_at)
        if is_whole and self.serial % 20 == 0:
            # billed again
            lines.append(replace(line, billed_at=line.billed_at + timedelta(seconds=2)))
        (draft or self.bill).rows.extend(lines)

    def way(self, ways: list[Hypothesis]) -> Hypothesis:
        """Each cause as often as any other, however many hypotheses it has."""
        cause = self.one(sorted({way.cause for way in ways}))
        return self.one(way for way in ways if way.cause == cause)

    def model(self, way: Hypothesis) -> str:
        if way.price_row in ("earlier", "later") and self.is_lucky(0.8):
            return self.one(self.periods)
        if way.price_row == "short_context" and self.is_lucky(0.8):
            return self.one(["gpt-5.4", "gpt-5.6", "gemini-2.5-pro", *list(self.periods)[-2:]])
        if way.coefficients["cache_write_at_input_price"] and self.is_lucky(0.8):
            return self.one(["gpt-5.6", "claude-sonnet-4-6", "anthropic/claude-sonnet-4.5"])
        return self.one([*self.models, TINY])

    def moment(self, model: str) -> datetime:
        day = datetime.fromisoformat(self.one(self.periods.get(model, DAYS)))
        return day + timedelta(hours=self.one(HOURS))

    def tokens(self, way: Hypothesis) -> dict[str, int | None]:
        """Of one call; what the hypothesis is about is mostly there."""
        given, output = self.one(INPUTS), self.one(OUTPUTS)
        if way.min_input_tokens or way.price_row == "short_context":
            given = self.one([272_001, 300_000, given])
        if way.price_row == "other_model" and self.is_lucky(0.5):
            output = 0
        part = self.one([None, 0, 0, given // 4, given // 2])
        other = self.one([None, None, 0, given // 5, given // 3])
        is_about_classes = way.evidence_class == 2 or way.price_row == "logged_tokens"
        if is_about_classes and self.is_lucky(0.8):
            part, other = given // 4, self.one([None, given // 3])
        return {
            "input_tokens": given,
            "cached_input_tokens": part,
            "cache_write_tokens": other,
            "output_tokens": output,
            "reasoning_tokens": self.one([None, 0, output // 2, output // 3]),
        }

    def call(self, model: str, at: datetime, tokens: dict[str, int | None]) -> Call:
        return Call(
            line_number=0,
            id=self.name("u"),
            created_at=at,
            model_used=model if self.is_lucky(0.97) else self.one([*self.models, None]),
            action_type=self.one(ACTIONS),
            openai_request_id=self.name("r"),
            **tokens,
        )

    def line(self, model: str, at: datetime, tokens: dict[str, int | None]) -> Line:
        """The same call on the bill: by its id at any time, or near in time without one."""
        request_id, billed_at = f"r{self.serial}", at
        if self.is_lucky(0.15):
            billed_at = self.one([at + timedelta(hours=self.one(HOURS)), None])
        elif self.is_lucky(0.15):
            request_id = self.one([None, self.name("other")])
            billed_at = at + timedelta(seconds=self.one([-60, 0, 5, 61]))
        return Line(
            line_number=0, request_id=request_id, billed_at=billed_at, model=model, **tokens
        )

    def with_facts(self, way: Hypothesis, call: Call, line: Line) -> tuple[Call, Line]:
        """What the rows state; nothing most often, as logs do."""
        if self.is_lucky(0.5):
            call = replace(call, service_tier=self.one(TIERS), is_batch=self.one(BATCHES))
            call = replace(call, region=self.one(REGIONS))
        if self.is_lucky(0.5):
            line = replace(line, service_tier=self.one(TIERS), is_batch=self.one(BATCHES))
            line = replace(line, region=self.one(REGIONS), fee_usd=decimal(self.one(FEES)))
        row, other = (line, call) if self.is_lucky(0.5) else (call, line)
        if way.fact == "service_tier" and self.is_lucky(0.9):
            tier = self.one(tiers_of(way.cause, self.rules))
            row = replace(row, service_tier=tier, is_batch=None)
            if tier == "batch" and self.is_lucky(0.5):
                row = replace(row, service_tier=self.one([None, "default"]), is_batch=True)
            if self.is_lucky(0.7):
                other = replace(other, service_tier=None, is_batch=None)
        if way.fact == "region" and self.is_lucky(0.9):
            row = replace(row, region="eu")
        call, line = (other, row) if isinstance(row, Line) else (row, other)
        if way.fact == "fee" and self.is_lucky(0.9):
            line = replace(line, fee_usd=Decimal("0.025"))
        return call, line

    def counted_otherwise(self, way: Hypothesis, call: Call, line: Line) -> tuple[Call, Line]:
        """The log has other tokens, or one of the two lacks some."""
        columns = ["input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens"]
        if way.price_row == "logged_tokens" and way.side == "bill":
            line = replace(line, cached_input_tokens=None)
        elif way.price_row == "logged_tokens" or self.is_lucky(0.1):
            column = self.one(columns)
            count = (getattr(call, column) or 0) + self.one([1, -1, 50])
            call = replace(call, **{column: max(count, 0)})
        elif self.is_lucky(0.1):
            unknown = dict.fromkeys(self.one([columns, columns[:2], columns[:1], columns[2:]]))
            if self.is_lucky(0.6):
                line = replace(line, **unknown)
            else:
                call = replace(call, **unknown)
        return call, line

    def amount(self, way: Hypothesis, side: str, call: Call, line: Line) -> Decimal | None:
        """Dollars as the hypothesis makes them; or a hair off, by two at once, or by none."""
        made = self.made(way, side, call, line)
        listed = self.made(None, side, call, line)
        kind = self.rng.random()
        if made is None or kind < 0.05:
            return self.one([Decimal("0.01"), Decimal("1.234567"), Decimal(0), None])
        if kind < 0.5:
            return made
        if kind < 0.6:
            return listed
        if kind < 0.75:
            return made + Decimal(self.one(EDGES))
        if kind < 0.8:
            return listed + Decimal(self.one(EDGES))
        if kind < 0.9:
            # what an application that computes in doubles writes
            return usd(Decimal(repr(float(made) * 1.0000000000000002)))
        if kind < 0.93:
            return usd(made * self.one([Decimal("0.5"), Decimal("1.1"), Decimal("0.97")]))
        return Decimal(0)

    def made(self, way: Hypothesis | None, side: str, call: Call, line: Line) -> Decimal | None:
        """The amount under a hypothesis, or else the list price; None where there is none."""
        pair = paired(call, line, self.reference)
        if pair is None:
            return None
        if way is None:
            return pair.expected_usd
        if way.price_row == "other_model":
            # at any time, though only one of them counts
            row = pair.priced
            name, at = self.one(OTHER_MODELS), self.one([pair.at, pair.at, datetime(2027, 1, 1)])
            return list_price(name, at, tokens_of(row), self.reference) or pair.expected_usd
        if way.factor is None and self.is_lucky(0.3):
            tiers = [tier for tier in self.rules.tiers if tier.cause == way.cause]
            return usd(pair.expected_usd * self.one(tiers).multiplier)
        found = amounts_under(way, side, pair, self.reference, self.rules)
        return self.one(found) if found else pair.expected_usd

    def in_parts(self, line: Line) -> list[Line]:
        """The line as two of one request, which add up; the dearer one speaks for it.

        The other one may give money back.
        """
        if line.request_id is None or not line.cost_usd or line.cost_usd < 0:
            return [line]
        tier = line.service_tier
        rest = replace(
            line,
            input_tokens=None if line.input_tokens is None else 0,
            cached_input_tokens=None,
            cache_write_tokens=None,
            output_tokens=None if line.output_tokens is None else 0,
            reasoning_tokens=None,
            cost_usd=usd(line.cost_usd * Decimal("0.25" if self.serial % 2 else "-0.5")),
            fee_usd=None,
            service_tier="flex" if tier == "priority" else tier,
        )
        return [replace(line, cost_usd=line.cost_usd - rest.cost_usd), rest]

    # calls on which one clause of a rule decides

    def of_other_tokens(self) -> None:
        """Log and bill count one class otherwise, or not at all; priced by either, at any time."""
        model = self.one(["gpt-5.6", "claude-sonnet-4-6", *list(self.periods)[-1:]])
        before = after = self.moment(model)
        counts = {
            "input_tokens": [2000, 2001],
            "cached_input_tokens": [None, 0, 500],
            "cache_write_tokens": [None, 0, 300],
            "output_tokens": [80, 81],
            "reasoning_tokens": [None, 0, 40],
        }
        own = {name: self.one(some) for name, some in counts.items()}
        other = dict(own)
        for name in self.rng.sample(list(counts), self.one([1, 1, 2])):
            other[name] = self.one(counts[name])
        kind = self.rng.random()
        if kind < 0.2:
            # the bill counts no tokens, and is of another time
            other, after = dict.fromkeys(counts), self.moment(model)
        elif kind < 0.5:
            # the bill does not count what was cached
            own["cached_input_tokens"] = self.one([500, 500, 0])
            other["cached_input_tokens"] = None
        elif kind < 0.6:
            after = self.moment(model)
        call, line = self.call(model, before, own), self.line(model, after, other)
        line = replace(line, request_id=call.openai_request_id)

        def amount() -> Decimal | None:
            tokens = tokens_of(self.one([call, line, call, line]))
            if self.is_lucky(0.2):
                tokens = (tokens[0], *self.one([(None, None), (500, None), (None, 300)]), tokens[3])
            listed = list_price(model, self.one([before, after]), tokens, self.reference)
            if listed is None or self.is_lucky(0.7):
                return listed
            reasoning = self.one([call, line]).reasoning_tokens or 0
            return listed + (list_price(model, after, (0, 0, 0, reasoning), self.reference) or 0)

        self.add(call, line, amount(), amount())

    def of_any_price(self) -> None:
        """Priced by any row of the list, of the model or of another, in force or not."""
        model = self.one(["gpt-5.6", "gpt-5.4", "claude-sonnet-4-6", *list(self.periods)[-1:]])
        given = self.one([999, 1000, 200_000, 200_001, 272_000, 272_001])
        counts = {
            "input_tokens": given,
            "cached_input_tokens": self.one([None, given // 2]),
            "cache_write_tokens": None,
            "output_tokens": self.one([0, 80]),
        }
        at = self.moment(model)
        call, line = self.call(model, at, counts), self.line(model, at, counts)

        def amount() -> Decimal | None:
            name = listed_name(self.one([model, model, *OTHER_MODELS]), self.reference)
            if name is None:
                return None
            tokens = Tokens(given, counts["cached_input_tokens"] or 0, 0, line.output_tokens)
            price = self.one(self.reference.prices[name])
            costs = class_amounts(tokens, price)
            known = [costs[name] for name in ("uncached", "cached", "output")]
            return None if None in known else usd(sum(known))

        self.add(call, line, amount(), amount())

    def of_any_tier(self) -> None:
        """At the edges of the times for which a tier has its multiplier; stated or not."""
        moments = {
            moment
            for tier in self.rules.tiers
            for moment in (tier.valid_from, tier.valid_to)
            if moment is not None and moment.year > 2000
        } or {datetime(2026, 8, 21)}
        at = self.one(sorted(moments)) + timedelta(seconds=self.one([-1, 0, 0, 1]))
        counts = {"input_tokens": 2000, "output_tokens": 777}
        tiers = sorted({tier.service_tier for tier in self.rules.tiers})
        stated = tiers if self.is_lucky(0.5) else [None]
        call = replace(self.call("gpt-4o", at, counts), service_tier=self.one(stated))
        line = replace(self.line("gpt-4o", at, counts), service_tier=self.one(stated))
        line = replace(line, billed_at=at)
        if self.is_lucky(0.4):
            call, line = (replace(row, is_batch=self.one(BATCHES[2:])) for row in (call, line))
        listed = list_price("gpt-4o", at, tokens_of(line), self.reference)
        amounts = (usd(listed * self.one(self.rules.tiers).multiplier) for _ in range(2))
        self.add(call, line, *amounts)

    def of_a_tiny_call(self) -> None:
        """So cheap that some hypotheses change nothing that could be seen."""
        counts = {"input_tokens": self.one([1, 1, 2, 40]), "output_tokens": 0}
        at = self.moment("gpt-4o")
        call, line = self.call(TINY, at, counts), self.line(TINY, at, counts)
        listed = list_price(TINY, at, tokens_of(line), self.reference)
        hairs = [Decimal(number) / 10**10 for number in (-19, -15, -11, -10, 10, 11, 12, 15, 19)]
        self.add(call, line, listed + self.one(hairs), listed + self.one([0, self.one(hairs)]))

    # a call that is only logged, a request that is only billed

    def of_one_side(self) -> None:
        model = self.one(self.models)
        at = self.moment(model)
        tokens = self.tokens(self.one(self.rules.hypotheses))
        if self.is_lucky(0.4):
            cost = decimal(self.one(["0", "0.0000000005", "0.02", "-0.3", None]))
            line = self.line(model, at, tokens)
            self.bill.rows.append(replace(line, request_id=self.name("b"), cost_usd=cost))
            return
        at = self.one([at, at, datetime(2026, 12, 15), datetime(2025, 5, 1)])
        cents = decimal(self.one(["0", "0.00000005", "0.00000011", "3", None]))
        call = replace(self.call(model, at, tokens), calculated_cost_cents=cents)
        if self.is_lucky(0.3):
            call = replace(call, openai_request_id=None)
        self.log.rows.append(call)
        if self.is_lucky(0.2):
            self.log.rows.append(replace(call, id=self.name("u")))


def decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def paired(call: Call, line: Line, reference: Reference) -> Pair | None:
    """The two as they are when they match, if they have a list price."""
    request = Billed(
        key="",
        issuer="",
        request_id=None,
        usd=None,
        is_usd_known=True,
        is_credited=False,
        line_count=1,
        cost_basis="",
        file=None,
        **{
            name: getattr(line, name)
            for name in (
                *("billed_at", "model", "input_tokens", "cached_input_tokens", "output_tokens"),
                *("cache_write_tokens", "reasoning_tokens", "fee_usd", "service_tier"),
                *("is_batch", "region"),
            )
        },
    )
    pair = Pair(call, request, Decimal(0))
    listed = list_price(line.model, pair.at, tokens_of(pair.priced), reference)
    return None if listed is None else replace(pair, expected_usd=listed)
