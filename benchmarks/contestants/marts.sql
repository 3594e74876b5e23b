-- The marts of this project as an analyst writes them by hand for one bill and one log, in the
-- SQL that DuckDB and Postgres share. It relies on what is so in the data of the benchmark and
-- leaves out whatever else the project knows of:
--
--   * one file of each kind, of request grain, each line readable; no exports of costs or usage
--   * every bill line has an id, an amount and tokens, every call but the non-API actions a cost
--   * the lines of one request are equal, so that all but one are copies
--   * no cache writes, reasoning tokens, fees, regions, projects or accepted differences
--   * every billed amount is the list price in the tier that its line states: no other price has
--     to be solved for (the last statement stops where that is not so)

create schema reconciliation;
set search_path to reconciliation;

-- prices ---------------------------------------------------------------------------------------

create temp table prices as
with periods as (
    select model_name, effective_from as valid_from,
        coalesce(
            lead(effective_from) over (partition by model_name order by effective_from),
            timestamp '9999-12-31'
        ) as valid_to
    from (select distinct model_name, effective_from from raw.price_list) as changes
),
so_far as (
    select p.*, r.provider, r.min_input_tokens, r.input_price_per_1m,
        r.cached_input_price_per_1m, r.cache_write_price_per_1m, r.output_price_per_1m,
        row_number() over (
            partition by p.model_name, p.valid_from, r.min_input_tokens
            order by r.effective_from desc
        ) as newest_first
    from periods as p
    join raw.price_list as r
        on r.model_name = p.model_name and r.effective_from <= p.valid_from
)
select *,
    coalesce(
        lead(min_input_tokens) over (partition by model_name, valid_from order by min_input_tokens),
        1000000000000000000
    ) as next_min_input_tokens,
    cast(input_price_per_1m * 0.000001 as decimal(18, 12)) as input_usd,
    cast(coalesce(cached_input_price_per_1m, input_price_per_1m) * 0.000001 as decimal(18, 12))
        as cached_usd,
    cast(coalesce(cache_write_price_per_1m, input_price_per_1m) * 0.000001 as decimal(18, 12))
        as cache_write_usd,
    cast(output_price_per_1m * 0.000001 as decimal(18, 12)) as output_usd
from so_far
where newest_first = 1;

create table model_prices as
select model_name, provider, valid_from,
    case when valid_to < timestamp '9999-12-31' then valid_to end as valid_to,
    today.as_of >= valid_from and today.as_of < valid_to as is_active,
    min_input_tokens, input_price_per_1m, cached_input_price_per_1m, cache_write_price_per_1m,
    output_price_per_1m,
    cast(input_price_per_1m * 0.001 as decimal(18, 9)) as input_price_per_1k,
    cast(output_price_per_1m * 0.001 as decimal(18, 9)) as output_price_per_1k,
    input_usd as usd_per_input_token, cached_usd as usd_per_cached_input_token,
    cache_write_usd as usd_per_cache_write_token, output_usd as usd_per_output_token
from prices
cross join (select max(loaded_at) as as_of from raw.files) as today;

create temp table names as
with written as (
    select model as name from raw.bill union select model_used from raw.log
),
undated as (
    select name, regexp_replace(name, '-[0-9]{4}-[0-9]{2}-[0-9]{2}$', '') as undated
    from written
    where name is not null
),
named as (
    select u.name, coalesce(w.model_name, a.model_name, u.undated) as model
    from undated as u
    left join raw.aliases as w on w.alias = u.name
    left join raw.aliases as a on a.alias = u.undated
)
select name, model,
    case
        when name in (select model_name from raw.price_list) then name
        when model in (select model_name from raw.price_list) then model
    end as price_name
from named;

-- copies, and what no id matches ---------------------------------------------------------------

create temp table bill_copies as
select line_number, request_id, cost_usd
from (
    select b.line_number, b.request_id, b.cost_usd,
        row_number() over (partition by b.request_id order by b.line_number) as copy_number
    from raw.bill as b
    join (
        select request_id from raw.bill group by request_id having count(*) > 1
    ) as repeated on repeated.request_id = b.request_id
) as numbered
where copy_number > 1;

create temp table log_copies as
select c.line_number, exists (
    select 1 from raw.bill as b where b.request_id = c.openai_request_id
) as is_billed
from (
    select l.line_number, l.openai_request_id,
        row_number() over (
            partition by l.openai_request_id order by l.created_at, l.id collate "C"
        ) as log_number
    from raw.log as l
    join (
        select openai_request_id from raw.log
        where openai_request_id is not null
        group by openai_request_id having count(*) > 1
    ) as repeated on repeated.openai_request_id = l.openai_request_id
) as c
where c.log_number > 1;

create temp table matched_by_time as
with calls as (
    select l.line_number, l.created_at, l.input_tokens, l.output_tokens, n.model
    from raw.log as l
    join names as n on n.name = l.model_used
    where not exists (select 1 from raw.bill as b where b.request_id = l.openai_request_id)
        and not exists (select 1 from raw.non_calls as o where o.action_type = l.action_type)
        and l.line_number not in (select line_number from log_copies)
),
lines as (
    select b.request_id, b.billed_at, b.input_tokens, b.output_tokens, n.model
    from raw.bill as b
    join names as n on n.name = b.model
    where not exists (select 1 from raw.log as l where l.openai_request_id = b.request_id)
        and b.line_number not in (select line_number from bill_copies)
),
near as (
    select c.line_number, l.request_id,
        case when l.billed_at > c.created_at then l.billed_at - c.created_at
            else c.created_at - l.billed_at end as distance
    from calls as c
    join lines as l
        on l.model = c.model
        and l.input_tokens = c.input_tokens
        and l.output_tokens = c.output_tokens
        and l.billed_at between c.created_at - interval '60 seconds'
            and c.created_at + interval '60 seconds'
),
ranked as (
    select *,
        rank() over (partition by line_number order by distance) as of_call,
        rank() over (partition by request_id order by distance) as of_line
    from near
),
nearest as (
    select *,
        count(*) over (partition by line_number, of_call) as calls_tied,
        count(*) over (partition by request_id, of_line) as lines_tied
    from ranked
)
select line_number, request_id
from nearest
where of_call = 1 and of_line = 1 and calls_tied = 1 and lines_tied = 1;

create temp table bill_file as
select f.file_name, f.loaded_at, b.first_at, b.last_at,
    cast(b.first_at as date) as first_date, cast(b.last_at as date) as last_date
from raw.files as f
cross join (select min(billed_at) as first_at, max(billed_at) as last_at from raw.bill) as b
where f.grain = 'request';

-- one row per call, and per billed request that no log explains --------------------------------

create table reconciled_requests as
with calls as (
    select l.*, n.model, n.price_name,
        cast(round(l.calculated_cost_cents * 0.01, 18) as decimal(30, 18)) as logged_usd,
        l.action_type is null or l.action_type not in (select action_type from raw.non_calls)
            as is_provider_call,
        c.line_number is not null as is_copy,
        coalesce(c.is_billed, false) as is_paid_already,
        t.request_id is not null as is_matched_by_time,
        coalesce(t.request_id, case when c.line_number is null then l.openai_request_id end)
            as match_id
    from raw.log as l
    left join names as n on n.name = l.model_used
    left join log_copies as c on c.line_number = l.line_number
    left join matched_by_time as t on t.line_number = l.line_number
),
lines as (
    select b.*, n.model as plain_model, n.price_name
    from raw.bill as b
    left join names as n on n.name = b.model
    left join bill_copies as c on c.line_number = b.line_number
    where c.line_number is null
),
joined as (
    select
        case when c.id is null then 'bill:openai:' || b.request_id else 'usage:' || c.id end
            as reconciliation_key,
        c.id as usage_id,
        c.openai_request_id,
        b.request_id as billed_id,
        c.id is not null as is_logged,
        b.request_id is not null as is_billed,
        coalesce(c.is_provider_call, true) as is_provider_call,
        coalesce(c.is_copy, false) as is_copy,
        coalesce(c.is_paid_already, false) as is_paid_already,
        c.is_matched_by_time,
        coalesce(cast(c.created_at as date), cast(b.billed_at as date)) as usage_date,
        c.created_at as logged_at,
        b.billed_at,
        c.user_id,
        c.action_type,
        c.model_used as logged_model,
        b.model as billed_model,
        coalesce(c.model, b.plain_model) as model,
        c.input_tokens as logged_input_tokens,
        c.output_tokens as logged_output_tokens,
        b.input_tokens as billed_input_tokens,
        b.cached_tokens as billed_cached_input_tokens,
        b.output_tokens as billed_output_tokens,
        c.logged_usd,
        case when c.is_paid_already then cast(0 as decimal(30, 18)) else b.cost_usd end
            as billed_usd,
        -- what the list price is taken of: the bill's tokens, or ours where there is no bill
        case when b.request_id is null then c.price_name else b.price_name end as price_name,
        coalesce(b.billed_at, c.created_at) as priced_at,
        case when b.request_id is null then c.input_tokens else b.input_tokens end
            as input_tokens,
        coalesce(
            case when b.request_id is null then c.cached_input_tokens else b.cached_tokens end, 0
        ) as cached_tokens,
        case when b.request_id is null then c.output_tokens else b.output_tokens end
            as output_tokens
    from calls as c
    full join lines as b on b.request_id = c.match_id
),
compared as (
    select j.*, f.file_name, f.loaded_at,
        cast(
            (j.input_tokens - j.cached_tokens) * p.input_usd
            + j.cached_tokens * p.cached_usd
            + case when j.output_tokens = 0 then 0 else j.output_tokens * p.output_usd end
            as decimal(30, 18)
        ) as expected_usd,
        cast(coalesce(j.billed_usd, 0) - coalesce(j.logged_usd, 0) as decimal(30, 18))
            as difference_usd,
        j.usage_date between f.first_date and f.last_date as is_covered,
        j.logged_at < f.loaded_at - interval '48 hours' as is_settled
    from joined as j
    cross join bill_file as f
    left join prices as p
        on p.model_name = j.price_name
        and j.priced_at >= p.valid_from
        and j.priced_at < p.valid_to
        and j.input_tokens >= p.min_input_tokens
        and j.input_tokens < p.next_min_input_tokens
),
judged as (
    select *,
        case
            when is_logged and not is_billed and not is_provider_call then 'not_an_api_call'
            when is_logged and not is_billed and openai_request_id is null then 'no_request_id'
            when is_copy then 'duplicate_log'
            when is_logged and not is_billed and is_covered and is_settled
                then 'missing_from_bill'
            when is_logged and not is_billed then 'awaiting_bill'
            when not is_logged then 'not_logged'
            when difference_usd = 0 then 'exact'
            when abs(difference_usd) <= cast(0.05 as decimal(6, 4)) * abs(logged_usd)
                then 'within_percent'
            when abs(difference_usd) <= cast(0.05 as decimal(18, 6)) then 'within_amount'
            else 'outside_tolerance'
        end as status_reason
    from compared
),
split as (
    select *,
        is_logged and is_billed as is_two_sided,
        status_reason in ('missing_from_bill', 'awaiting_bill') as is_own_to_bill,
        -- of an action that is no call nothing is open
        case when status_reason not in ('not_an_api_call', 'no_request_id')
            or abs(difference_usd) > cast(0.000000001 as decimal(30, 18))
            then case when status_reason in ('not_an_api_call', 'no_request_id')
                then 'not_applicable' else status_reason end
        end as own_cause
    from judged
)
select
    reconciliation_key, usage_id,
    coalesce(openai_request_id, billed_id) as request_id,
    case when openai_request_id <> billed_id then billed_id end as billed_request_id,
    case when is_billed then 'openai' end as issuer,
    usage_date, logged_at, billed_at, user_id, action_type, logged_model, billed_model, model,
    '(all)' as project_id,
    cast(1 as bigint) as request_count,
    logged_input_tokens, logged_output_tokens, billed_input_tokens, billed_cached_input_tokens,
    billed_output_tokens, logged_usd, billed_usd, expected_usd, difference_usd,
    case when abs(difference_usd / nullif(logged_usd, 0)) < 100000000000
        then cast(difference_usd / nullif(logged_usd, 0) * 1.00000000000001 as decimal(18, 6))
    end as difference_pct,
    case when logged_usd is not null then 'calculated' end as logged_cost_basis,
    case when is_billed then 'billed' end as billed_cost_basis,
    case when is_two_sided and is_matched_by_time then 'timestamp_model'
        when is_two_sided then 'request_id' end as match_method,
    case when is_billed then 'request' end as bill_grain,
    case
        when status_reason in ('exact', 'within_percent', 'within_amount') then 'matched'
        when status_reason in ('duplicate_log', 'outside_tolerance') then 'discrepancy'
        when status_reason in ('missing_from_bill', 'awaiting_bill') then 'pending'
        when status_reason = 'not_logged' then 'not_found'
        else 'not_applicable'
    end as reconciliation_status,
    status_reason, is_provider_call, is_covered,
    cast(case
        when is_two_sided then expected_usd - coalesce(logged_usd, 0)
        when is_own_to_bill then 0 else difference_usd
    end as decimal(30, 18)) as log_error_usd,
    case when not is_two_sided and not is_own_to_bill then own_cause end as log_cause,
    cast(case
        when is_two_sided then billed_usd - expected_usd
        when is_own_to_bill then difference_usd else 0
    end as decimal(30, 18)) as bill_error_usd,
    case when not is_two_sided and is_own_to_bill then own_cause end as bill_cause,
    case when not is_two_sided then own_cause end as cause,
    cast(null as varchar) as cause_candidates,
    case when is_billed then file_name end as file_id,
    case when is_billed or is_paid_already then loaded_at end as reconciled_at
from split;

-- why the two sides of a call differ -----------------------------------------------------------

create temp table errors as
with differing as (
    select r.reconciliation_key, r.billed_at, r.logged_usd, r.billed_usd, r.expected_usd,
        n.price_name, b.input_tokens, b.cached_tokens, b.output_tokens,
        case
            when b.is_batch then 'batch'
            when lower(trim(b.service_tier)) not in ('', 'auto')
                then lower(trim(b.service_tier))
        end as billed_tier,
        case
            when l.is_batch then 'batch'
            when lower(trim(l.service_tier)) not in ('', 'auto', 'default', 'standard')
                then lower(trim(l.service_tier))
        end as logged_tier,
        b.is_batch
    from reconciled_requests as r
    join raw.log as l on l.id = r.usage_id
    join raw.bill as b on b.request_id = coalesce(r.billed_request_id, r.request_id)
    join names as n on n.name = b.model
    left join bill_copies as c on c.line_number = b.line_number
    where r.usage_id is not null and r.file_id is not null and c.line_number is null
        and abs(r.difference_usd) > 0.000000001
)
select reconciliation_key, 'log' as side, logged_usd as amount_usd,
    coalesce(logged_tier, billed_tier) as service_tier, expected_usd, billed_at, price_name,
    input_tokens, cached_tokens, output_tokens, is_batch
from differing
where abs(logged_usd - expected_usd) > 0.000000001
union all
select reconciliation_key, 'bill', billed_usd, coalesce(billed_tier, logged_tier), expected_usd,
    billed_at, price_name, input_tokens, cached_tokens, output_tokens, is_batch
from differing
where abs(billed_usd - expected_usd) > 0.000000001;

-- what each class of tokens costs, under the price in force and the others that may have been
create temp table repriced as
select e.reconciliation_key, e.side, e.amount_usd, e.expected_usd, e.service_tier, e.is_batch,
    e.billed_at, e.input_tokens,
    case
        when p.valid_from > e.billed_at then 'later'
        when p.valid_to <= e.billed_at then 'earlier'
        when e.input_tokens >= p.next_min_input_tokens then 'short_context'
        else 'in_force'
    end as price_row,
    cast((e.input_tokens - e.cached_tokens) * p.input_usd as decimal(30, 18)) as uncached_usd,
    cast(e.cached_tokens * p.cached_usd as decimal(30, 18)) as cached_usd,
    cast(e.cached_tokens * p.input_usd as decimal(30, 18)) as cached_at_input_usd,
    cast(case when e.output_tokens = 0 then 0 else e.output_tokens * p.output_usd end
        as decimal(30, 18)) as output_usd
from errors as e
join prices as p
    on p.model_name = e.price_name
    and (
        (e.input_tokens >= p.min_input_tokens and e.input_tokens < p.next_min_input_tokens)
        or (p.min_input_tokens = 0 and e.billed_at >= p.valid_from and e.billed_at < p.valid_to)
    );

create temp table reproduced as
with hypotheses as (
    select h.cause, s.side, h.evidence_class, h.fact, h.min_input_tokens, h.price_row,
        h.uncached, h.cached, h.cached_at_input_price, h.output, h.rounding,
        coalesce(h.factor, t.multiplier) as factor, t.service_tier,
        coalesce(t.valid_from, timestamp '1970-01-01') as valid_from,
        coalesce(t.valid_to, timestamp '9999-12-31') as valid_to,
        case when h.rounding = 'cent' then 0.00500001 else 0.00000001 end as slack
    from raw.hypotheses as h
    join (select 'log' as side union all select 'bill') as s on s.side = coalesce(h.side, s.side)
    left join raw.tiers as t on h.factor is null and t.cause = h.cause
    where h.price_row in ('in_force', 'earlier', 'later', 'short_context')
        and (h.fact is null or h.fact = 'service_tier')
        and h.reasoning = 0
),
-- doubles are quick and choose, decimals are exact and decide
likely as (
    select r.*, h.cause, h.evidence_class, h.rounding,
        cast(h.factor * cast(
            h.uncached * r.uncached_usd + h.cached * r.cached_usd
            + h.cached_at_input_price * r.cached_at_input_usd + h.output * r.output_usd
            as decimal(30, 18)
        ) as decimal(30, 18)) as hypothesis_usd
    from (
        select *,
            cast(uncached_usd as double precision) as uncached_double,
            cast(cached_usd as double precision) as cached_double,
            cast(cached_at_input_usd as double precision) as cached_at_input_double,
            cast(output_usd as double precision) as output_double,
            cast(amount_usd as double precision) as amount_double
        from repriced
    ) as r
    join (
        select *,
            cast(factor as double precision) as factor_double,
            cast(uncached as double precision) as uncached_times,
            cast(cached as double precision) as cached_times,
            cast(cached_at_input_price as double precision) as cached_at_input_times,
            cast(output as double precision) as output_times
        from hypotheses
    ) as h
        on h.price_row = r.price_row
        and h.side = r.side
        and abs(
            h.factor_double * (
                h.uncached_times * r.uncached_double + h.cached_times * r.cached_double
                + h.cached_at_input_times * r.cached_at_input_double
                + h.output_times * r.output_double
            ) - r.amount_double
        ) <= h.slack
        and r.input_tokens >= h.min_input_tokens
        and r.billed_at >= h.valid_from
        and r.billed_at < h.valid_to
        and case
            when h.fact = 'service_tier' then r.service_tier = h.service_tier
            else h.service_tier is null
                or (
                    r.service_tier is null
                    and (h.service_tier <> 'batch' or r.is_batch is null)
                )
        end
)
select distinct reconciliation_key, side, cause, evidence_class
from likely
where abs(case when rounding = 'cent' then cast(round(hypothesis_usd, 2) as decimal(30, 18))
        else hypothesis_usd end - amount_usd) <= 0.000000001
    and abs(case when rounding = 'cent' then cast(round(hypothesis_usd, 2) as decimal(30, 18))
        else hypothesis_usd end - expected_usd) > 0.000000001;

insert into reproduced
with list as (
    select distinct valid_from, valid_to, min_input_tokens, next_min_input_tokens,
        input_usd, cached_usd, output_usd,
        cast(input_usd as double precision) as input_rate,
        cast(cached_usd as double precision) as cached_rate,
        cast(coalesce(output_usd, 0) as double precision) as output_rate
    from prices
    where input_usd > 0
),
unexplained as (
    select e.*,
        cast(e.input_tokens - e.cached_tokens as double precision) as uncached_count,
        cast(e.cached_tokens as double precision) as cached_count,
        cast(e.output_tokens as double precision) as output_count,
        cast(e.amount_usd as double precision) as amount
    from errors as e
    where e.amount_usd <> 0
        and not exists (
            select 1 from reproduced as r
            where r.reconciliation_key = e.reconciliation_key and r.side = e.side
        )
),
repriced_otherwise as (
    select u.reconciliation_key, u.side, u.amount_usd, u.expected_usd,
        cast(
            (u.input_tokens - u.cached_tokens) * p.input_usd + u.cached_tokens * p.cached_usd
            + case when u.output_tokens = 0 then 0 else u.output_tokens * p.output_usd end
            as decimal(30, 18)
        ) as hypothesis_usd
    from unexplained as u
    join list as p
        on abs(
            u.uncached_count * p.input_rate + u.cached_count * p.cached_rate
            + u.output_count * p.output_rate - u.amount
        ) <= 0.00000001
        and u.billed_at >= p.valid_from
        and u.billed_at < p.valid_to
        and u.input_tokens >= p.min_input_tokens
        and u.input_tokens < p.next_min_input_tokens
)
select distinct r.reconciliation_key, r.side, h.cause, h.evidence_class
from repriced_otherwise as r
join raw.hypotheses as h on h.price_row = 'other_model' and r.side = coalesce(h.side, r.side)
where abs(r.hypothesis_usd - r.amount_usd) <= 0.000000001
    and abs(r.hypothesis_usd - r.expected_usd) > 0.000000001;

update reconciled_requests as target
set log_cause = found.log_cause, bill_cause = found.bill_cause, cause = found.cause,
    cause_candidates = found.cause_candidates
from (
    with strongest as (
        select *, min(evidence_class) over (partition by reconciliation_key, side) as best
        from reproduced
    ),
    listed as (
        select reconciliation_key, side, count(*) as cause_count, min(cause) as cause,
            string_agg(cause, ', ' order by cause collate "C") as candidates
        from strongest
        where evidence_class = best
        group by 1, 2
    ),
    sides as (
        select e.reconciliation_key, e.side,
            case when l.cause_count is null then 'unexplained'
                when l.cause_count = 1 then l.cause else 'ambiguous' end as cause,
            case when l.cause_count > 1 then l.candidates end as candidates
        from errors as e
        left join listed as l
            on l.reconciliation_key = e.reconciliation_key and l.side = e.side
    ),
    paired as (
        select reconciliation_key,
            max(case when side = 'log' then cause end) as log_cause,
            max(case when side = 'bill' then cause end) as bill_cause,
            max(candidates) as cause_candidates
        from sides
        group by 1
    )
    select *,
        case when log_cause <> bill_cause then 'several'
            else coalesce(log_cause, bill_cause) end as cause
    from paired
) as found
where found.reconciliation_key = target.reconciliation_key;

-- marts of rows --------------------------------------------------------------------------------

create table token_usage_reconciled as
select
    l.id, l.user_id, l.action_type, l.model_used, l.tokens_used, l.input_tokens,
    l.output_tokens, l.cached_input_tokens, cast(null as bigint) as cache_write_tokens,
    cast(null as bigint) as reasoning_tokens, cast(null as decimal(18, 6)) as audio_seconds,
    l.success, cast(null as varchar) as error_message, l.created_at, l.calculated_cost_cents,
    l.openai_request_id, cast(null as timestamp) as openai_created,
    cast(null as varchar) as system_fingerprint, l.service_tier, l.is_batch,
    cast(null as boolean) as is_cache_hit, cast(null as varchar) as region,
    cast(null as varchar) as project_id, cast(null as varchar) as api_key_id,
    f.file_name as file_id, l.line_number,
    cast(r.billed_usd * 100 as decimal(30, 18)) as actual_cost_cents,
    case when r.billed_usd is not null then r.reconciled_at end as reconciled_at,
    r.reconciliation_status, r.status_reason
from raw.log as l
join reconciled_requests as r on r.usage_id = l.id
cross join raw.files as f
where f.grain = 'usage_log';

create table discrepancies as
with seen as (
    select r.*,
        greatest(
            coalesce(r.reconciled_at, case when r.status_reason = 'missing_from_bill'
                then bill_file.loaded_at end, log_file.loaded_at),
            case when r.usage_id is null then r.reconciled_at else log_file.loaded_at end
        ) as first_seen_at
    from reconciled_requests as r
    cross join bill_file
    cross join (select loaded_at from raw.files where grain = 'usage_log') as log_file
    where r.reconciliation_status in ('discrepancy', 'not_found')
        or r.status_reason = 'missing_from_bill'
),
aged as (
    select seen.*,
        cast(cast(today.as_of as date) - cast(seen.first_seen_at as date) as integer) as age_days
    from seen
    cross join (select max(loaded_at) as as_of from raw.files) as today
)
select
    reconciliation_key, usage_id, request_id, billed_request_id, issuer, usage_date, logged_at,
    billed_at, user_id, action_type, logged_model, billed_model, model, project_id,
    request_count, logged_input_tokens, logged_output_tokens, billed_input_tokens,
    billed_cached_input_tokens, billed_output_tokens, logged_usd, billed_usd, expected_usd,
    difference_usd, difference_pct, logged_cost_basis, billed_cost_basis, match_method,
    bill_grain, reconciliation_status, status_reason, is_provider_call, is_covered,
    log_error_usd, log_cause, bill_error_usd, bill_cause, cause, cause_candidates, file_id,
    reconciled_at, false as is_accepted, cast(null as varchar) as acceptance, first_seen_at,
    age_days,
    case when age_days <= 7 then '0-7 days' when age_days <= 30 then '8-30 days'
        when age_days <= 90 then '31-90 days' else 'over 90 days' end as age_band
from aged;

create table loaded_files as
with counted as (
    select 'request' as grain, count(*) as line_count, sum(cost_usd) as usd,
        min(billed_at) as first_at, max(billed_at) as last_at
    from raw.bill
    union all
    select 'usage_log', count(*), sum(round(calculated_cost_cents * 0.01, 18)),
        min(created_at), max(created_at)
    from raw.log
),
copied as (
    select 'request' as grain, count(*) as line_count, sum(cost_usd) as usd from bill_copies
)
select f.file_name as file_id, case f.grain when 'request' then 1 else 2 end as load_number,
    f.file_name, case f.grain when 'request' then 'requests_csv' else 'token_usage' end as format,
    f.grain, case f.grain when 'request' then 'openai' end as issuer, f.byte_count,
    n.line_count, n.line_count as accepted_line_count, 0 as rejected_line_count,
    cast(n.usd as decimal(30, 18)) as accepted_usd, n.first_at, n.last_at, f.loaded_at,
    coalesce(c.line_count, 0) as duplicate_line_count, 0 as superseded_line_count,
    0 as excluded_line_count,
    cast(coalesce(c.usd, 0) as decimal(30, 18)) as duplicate_usd,
    cast(0 as decimal(30, 18)) as superseded_usd, cast(0 as decimal(30, 18)) as excluded_usd,
    cast(n.usd - coalesce(c.usd, 0) as decimal(30, 18)) as reconciled_usd,
    false as is_less_detailed
from raw.files as f
join counted as n on n.grain = f.grain
left join copied as c on c.grain = f.grain;

-- marts of months ------------------------------------------------------------------------------

create table reconciliation_summary as
select cast(date_trunc('month', usage_date) as date) as usage_month, model,
    reconciliation_status, count(*) as request_count,
    cast(sum(logged_usd) as decimal(30, 18)) as logged_usd,
    cast(sum(billed_usd) as decimal(30, 18)) as billed_usd,
    cast(sum(difference_usd) as decimal(30, 18)) as difference_usd
from reconciled_requests
group by 1, 2, 3;

create temp table steps as
with differing as (
    select *, cast(date_trunc('month', usage_date) as date) as usage_month,
        cast(case when log_error_usd is not null and cause is not null then log_error_usd
            else difference_usd end as decimal(30, 18)) as log_usd,
        cast(case when log_error_usd is not null and cause is not null then bill_error_usd
            else 0 end as decimal(30, 18)) as bill_usd
    from reconciled_requests
    where difference_usd <> 0 or cause is not null
)
select usage_date, usage_month, model, reconciliation_status, 'log' as side, log_cause as cause,
    log_usd as difference_usd
from differing
where log_usd <> 0 or log_cause is not null
union all
select usage_date, usage_month, model, reconciliation_status, 'bill', bill_cause, bill_usd
from differing
where bill_usd <> 0 or bill_cause is not null;

create table variance_waterfall as
select usage_month, model, side, cause, count(*) as row_count,
    cast(sum(difference_usd) as decimal(30, 18)) as difference_usd
from steps
group by 1, 2, 3, 4;

create table drift_findings as
with summed as (
    select usage_date, model, count(*) as request_count,
        count(*) filter (where reconciliation_status = 'matched') as matched_count,
        cast(coalesce(sum(logged_usd), 0) as decimal(30, 18)) as logged_usd,
        cast(coalesce(sum(billed_usd), 0) as decimal(30, 18)) as billed_usd,
        cast(sum(difference_usd) as decimal(30, 18)) as difference_usd,
        sum(case when reconciliation_status = 'matched' then logged_usd else 0 end)
            as matched_logged_usd,
        sum(case when reconciliation_status = 'matched' then difference_usd else 0 end)
            as matched_difference_usd,
        bool_or(reconciliation_status = 'matched' and cause is not null) as is_caused
    from reconciled_requests
    where reconciliation_status in ('matched', 'discrepancy')
    group by 1, 2
),
causes as (
    select usage_date, model, cause, cast(sum(difference_usd) as decimal(30, 18)) as usd
    from steps
    where reconciliation_status in ('matched', 'discrepancy') and cause is not null
    group by 1, 2, 3
),
main_causes as (
    select *, row_number() over (
        partition by usage_date, model order by abs(usd) desc, cause collate "C"
    ) as place
    from causes
)
select s.usage_date, s.model, s.request_count, s.matched_count, s.logged_usd, s.billed_usd,
    s.difference_usd,
    cast(s.difference_usd / nullif(s.logged_usd, 0) * 1.00000000000001 as decimal(18, 6))
        as drift_pct,
    cast(s.difference_usd / s.request_count * 1.00000000000001 as decimal(24, 12))
        as mean_difference_usd,
    c.cause as main_cause, c.usd as main_cause_usd
from summed as s
left join main_causes as c
    on c.usage_date = s.usage_date and c.model = s.model and c.place = 1
where s.is_caused
    and abs(s.difference_usd) > 0.02 * abs(s.logged_usd)
    and abs(s.matched_difference_usd) > 0.02 * abs(s.matched_logged_usd);

create table reconciliation_health as
with counted as (
    select cast(date_trunc('month', usage_date) as date) as usage_month,
        count(*) filter (where file_id is not null) as billed_request_count,
        count(*) filter (where reconciliation_status = 'matched') as matched_count,
        count(*) filter (where status_reason = 'outside_tolerance') as discrepancy_count,
        count(*) filter (where status_reason = 'duplicate_log') as duplicate_log_count,
        count(*) filter (where reconciliation_status = 'not_found') as not_found_count,
        count(*) filter (where reconciliation_status = 'pending') as pending_count,
        count(*) filter (where status_reason = 'missing_from_bill') as missing_from_bill_count,
        count(*) filter (
            where usage_id is not null and is_provider_call and is_covered
            and status_reason <> 'duplicate_log'
        ) as covered_call_count,
        cast(sum(logged_usd) as decimal(30, 18)) as logged_usd,
        cast(sum(billed_usd) as decimal(30, 18)) as billed_usd,
        cast(sum(difference_usd) as decimal(30, 18)) as difference_usd,
        sum(case when file_id is not null then billed_usd end) as charged_usd,
        sum(case when reconciliation_status = 'matched' then billed_usd else 0 end)
            as matched_usd,
        sum(case when status_reason = 'outside_tolerance' then billed_usd else 0 end)
            as discrepancy_usd,
        cast(sum(case when reconciliation_status = 'not_found' then billed_usd else 0 end)
            as decimal(30, 18)) as not_found_usd,
        sum(case when reconciliation_status in ('matched', 'discrepancy') then logged_usd
            else 0 end) as compared_logged_usd,
        sum(case when reconciliation_status in ('matched', 'discrepancy') then difference_usd
            else 0 end) as compared_difference_usd,
        count(*) filter (
            where reconciliation_status in ('discrepancy', 'not_found')
            or status_reason = 'missing_from_bill'
        ) as open_count,
        cast(coalesce(sum(case
            when reconciliation_status in ('discrepancy', 'not_found')
                or status_reason = 'missing_from_bill' then abs(difference_usd)
        end), 0) as decimal(30, 18)) as open_usd
    from reconciled_requests
    group by 1
)
select usage_month, billed_request_count, matched_count, discrepancy_count, duplicate_log_count,
    not_found_count, pending_count, missing_from_bill_count, 0 as rejected_line_count,
    cast(cast(matched_count as decimal(30, 18)) / nullif(billed_request_count, 0)
        * 1.00000000000001 as decimal(18, 6)) as match_rate,
    cast(cast(discrepancy_count as decimal(30, 18)) / nullif(billed_request_count, 0)
        * 1.00000000000001 as decimal(18, 6)) as discrepancy_rate,
    cast(cast(not_found_count as decimal(30, 18)) / nullif(billed_request_count, 0)
        * 1.00000000000001 as decimal(18, 6)) as not_found_rate,
    logged_usd, billed_usd, not_found_usd, difference_usd,
    cast(compared_difference_usd / nullif(compared_logged_usd, 0)
        * 1.00000000000001 as decimal(18, 6)) as drift_pct,
    abs(compared_difference_usd) > 0.02 * abs(compared_logged_usd) as is_drifting,
    case
        when billed_request_count = 0 then 'no_bill'
        when not_found_count = billed_request_count then 'nothing_logged'
        when discrepancy_count >= 0.30 * billed_request_count then 'prices_out_of_date'
        when abs(compared_difference_usd) > 0.02 * abs(compared_logged_usd) then 'drifting'
        when matched_count >= 0.95 * billed_request_count
            and discrepancy_count < 0.05 * billed_request_count
            and not_found_count < 0.01 * billed_request_count
            and (
                coalesce(charged_usd, 0) <= 0
                or (
                    matched_usd >= 0.95 * charged_usd
                    and discrepancy_usd < 0.05 * charged_usd
                    and not_found_usd < 0.01 * charged_usd
                )
            )
            and missing_from_bill_count <= 0.01 * covered_call_count
            then 'healthy'
        else 'needs_review'
    end as verdict,
    0 as accepted_count, cast(0 as decimal(30, 18)) as accepted_usd, open_count, open_usd
from counted;

-- marts of days --------------------------------------------------------------------------------

create temp table calls_by_day as
select cast(l.created_at as date) as usage_date, coalesce(n.model, '(none)') as model,
    count(*) as logged_requests,
    cast(sum(cast(round(l.calculated_cost_cents * 0.01, 18) as decimal(30, 18)))
        as decimal(30, 18)) as logged_usd,
    cast(sum(cast(
        (l.input_tokens - coalesce(l.cached_input_tokens, 0)) * p.input_usd
        + coalesce(l.cached_input_tokens, 0) * p.cached_usd
        + case when l.output_tokens = 0 then 0 else l.output_tokens * p.output_usd end
        as decimal(30, 18)
    )) as decimal(30, 18)) as expected_usd,
    sum(l.input_tokens - coalesce(l.cached_input_tokens, 0)) as uncached_input_tokens,
    sum(l.cached_input_tokens) as cached_input_tokens,
    sum(l.output_tokens) as output_tokens
from raw.log as l
left join names as n on n.name = l.model_used
left join prices as p
    on p.model_name = n.price_name
    and l.created_at >= p.valid_from
    and l.created_at < p.valid_to
    and l.input_tokens >= p.min_input_tokens
    and l.input_tokens < p.next_min_input_tokens
where l.action_type is null or l.action_type not in (select action_type from raw.non_calls)
group by 1, 2;

create table daily_tokens as
with classes as (
    select usage_date, model, 'input' as token_class, uncached_input_tokens as quantity
    from calls_by_day
    union all
    select usage_date, model, 'cached_input', cached_input_tokens from calls_by_day
    union all
    select usage_date, model, 'output', output_tokens from calls_by_day
)
select usage_date, '(all)' as project_id, model, token_class, 'tokens' as quantity_unit,
    cast(quantity as decimal(38, 18)) as logged_quantity,
    cast(null as decimal(38, 18)) as reported_quantity,
    cast(null as decimal(38, 18)) as billed_quantity,
    cast(null as decimal(38, 18)) as logged_difference,
    cast(null as decimal(38, 18)) as billed_difference
from classes
where quantity <> 0;

create table daily_reconciliation as
with bills as (
    select cast(b.billed_at as date) as usage_date, n.model,
        cast(sum(b.cost_usd) as decimal(30, 18)) as billed_usd
    from raw.bill as b
    left join names as n on n.name = b.model
    left join bill_copies as c on c.line_number = b.line_number
    where c.line_number is null
    group by 1, 2
),
joined as (
    select
        coalesce(c.usage_date, b.usage_date) as usage_date,
        coalesce(c.model, b.model) as model,
        b.model is not null as is_billed,
        b.model is not null
            or c.usage_date between f.first_date and f.last_date as is_covered,
        coalesce(c.logged_requests, 0) as logged_requests,
        coalesce(c.logged_usd, 0) as logged_usd,
        case when c.model is null then 0 else c.expected_usd end as expected_usd,
        b.billed_usd,
        f.loaded_at
    from calls_by_day as c
    full join bills as b on b.usage_date = c.usage_date and b.model = c.model
    cross join bill_file as f
),
chained as (
    select *,
        coalesce(cast(usage_date as timestamp) + interval '1 day'
            > loaded_at - interval '48 hours', false) as is_provisional,
        case when is_covered then coalesce(billed_usd, 0) end as counted_usd,
        case when is_covered then expected_usd - logged_usd end as calculation_usd,
        case when is_covered then coalesce(billed_usd, 0) - expected_usd end as rate_usd,
        case when is_covered then coalesce(billed_usd, 0) - logged_usd end as difference_usd
    from joined
),
judged as (
    select *,
        case
            when not is_covered then 'awaiting_bill'
            when logged_requests = 0 then 'not_logged'
            when not is_billed and is_provisional then 'awaiting_bill'
            when not is_billed then 'missing_from_bill'
            when difference_usd = 0 then 'exact'
            when abs(difference_usd) <= 0.05 * abs(logged_usd) then 'within_percent'
            when abs(difference_usd) <= 0.05 then 'within_amount'
            else 'outside_tolerance'
        end as status_reason
    from chained
),
row_causes as (
    select usage_date, model,
        sum(coalesce(log_error_usd, difference_usd)) as log_error_usd,
        sum(difference_usd) as difference_usd,
        case
            when min(case when log_cause = 'ambiguous' then log_cause || cause_candidates
                else log_cause end)
            <> max(case when log_cause = 'ambiguous' then log_cause || cause_candidates
                else log_cause end) then 'several'
            else max(log_cause)
        end as log_cause,
        case
            when min(case when bill_cause = 'ambiguous' then bill_cause || cause_candidates
                else bill_cause end)
            <> max(case when bill_cause = 'ambiguous' then bill_cause || cause_candidates
                else bill_cause end) then 'several'
            else max(bill_cause)
        end as bill_cause,
        case when min(cause_candidates) = max(cause_candidates) then max(cause_candidates) end
            as cause_candidates
    from reconciled_requests
    where status_reason <> 'not_an_api_call'
        and (difference_usd <> 0 or log_error_usd <> 0 or cause is not null)
    group by 1, 2
),
rested as (
    select j.*, r.log_cause as rows_log_cause, r.bill_cause as rows_bill_cause,
        r.cause_candidates,
        j.status_reason in ('awaiting_bill', 'missing_from_bill', 'not_logged') as is_one_sided,
        case when j.difference_usd is not null then coalesce(r.log_error_usd, 0) end
            as log_error_usd,
        j.difference_usd - coalesce(r.difference_usd, 0) as rest_usd
    from judged as j
    left join row_causes as r on r.usage_date = j.usage_date and r.model = j.model
),
beside as (
    select *,
        lag(usage_date) over (partition by model order by usage_date) as date_before,
        lag(rest_usd) over (partition by model order by usage_date) as rest_before,
        lead(usage_date) over (partition by model order by usage_date) as date_after,
        lead(rest_usd) over (partition by model order by usage_date) as rest_after
    from rested
),
rest_caused as (
    select *,
        case
            when rest_usd is null or abs(rest_usd) <= 0.000000001 then null
            when (date_before = usage_date - interval '1 day'
                    and abs(rest_usd + rest_before) <= 0.000000001)
                or (date_after = usage_date + interval '1 day'
                    and abs(rest_usd + rest_after) <= 0.000000001)
                then 'day_boundary'
            when is_one_sided then status_reason
            else 'unexplained'
        end as rest_cause
    from beside
),
caused as (
    select *,
        case
            when coalesce(rows_log_cause, rows_bill_cause, rest_cause) is null
                and status_reason = 'not_logged' then status_reason
            else rows_log_cause
        end as log_cause,
        case when rows_bill_cause <> rest_cause then 'several'
            else coalesce(rows_bill_cause, rest_cause) end as bill_cause
    from rest_caused
)
select usage_date, '(all)' as project_id, model, case when is_billed then 'openai' end as issuer,
    logged_requests, cast(null as bigint) as reported_requests,
    cast(logged_usd as decimal(30, 18)) as logged_usd,
    cast(expected_usd as decimal(30, 18)) as expected_usd,
    cast(null as decimal(30, 18)) as reported_usd,
    cast(counted_usd as decimal(30, 18)) as billed_usd,
    cast(calculation_usd as decimal(30, 18)) as calculation_difference_usd,
    cast(case when is_covered then 0 end as decimal(30, 18)) as token_difference_usd,
    cast(rate_usd as decimal(30, 18)) as rate_difference_usd,
    cast(difference_usd as decimal(30, 18)) as difference_usd,
    cast(log_error_usd as decimal(30, 18)) as log_error_usd, log_cause,
    cast(difference_usd - log_error_usd as decimal(30, 18)) as bill_error_usd, bill_cause,
    case when log_cause <> bill_cause then 'several'
        when is_one_sided then coalesce(log_cause, bill_cause, status_reason)
        else coalesce(log_cause, bill_cause) end as cause,
    case when log_cause = 'ambiguous' or bill_cause = 'ambiguous' then cause_candidates end
        as cause_candidates,
    'line_item' as resolution,
    case
        when status_reason in ('exact', 'within_percent', 'within_amount') then 'matched'
        when status_reason = 'outside_tolerance' then 'discrepancy'
        when status_reason = 'not_logged' then 'not_found'
        else 'pending'
    end as reconciliation_status,
    status_reason, cast(null as varchar) as broken_pair,
    case when not is_one_sided
        then cast(difference_usd / nullif(logged_usd, 0) * 1.00000000000001 as decimal(18, 6))
    end as drift_pct,
    not is_one_sided and abs(difference_usd) > 0.02 * abs(logged_usd) as is_drifting,
    is_provisional
from caused;

create table monthly_close as
with days as (
    select cast(date_trunc('month', usage_date) as date) as usage_month,
        sum(billed_usd) as billed_usd, sum(logged_usd) as logged_usd,
        sum(expected_usd) as expected_usd, sum(calculation_difference_usd) as calculation_usd,
        sum(token_difference_usd) as token_usd, sum(rate_difference_usd) as rate_usd,
        sum(case
            when status_reason in ('outside_tolerance', 'not_logged', 'missing_from_bill')
                then abs(difference_usd)
            when status_reason = 'awaiting_bill' then abs(logged_usd)
            else 0
        end) + abs(sum(case when reconciliation_status = 'matched' then difference_usd else 0 end))
            as open_usd
    from daily_reconciliation
    group by 1
),
timing as (
    select usage_month, sum(usd) as timing_usd
    from (
        select cast(date_trunc('month', billed_at) as date) as usage_month, billed_usd as usd
        from reconciled_requests
        where usage_id is not null and billed_usd <> 0
            and date_trunc('month', billed_at) <> date_trunc('month', usage_date)
        union all
        select cast(date_trunc('month', usage_date) as date), -billed_usd
        from reconciled_requests
        where usage_id is not null and billed_usd <> 0
            and date_trunc('month', billed_at) <> date_trunc('month', usage_date)
    ) as moved
    group by 1
),
calendar as (
    select d.usage_month,
        count(*) filter (where n.day between f.first_date and f.last_date) as covered_day_count,
        count(*) filter (
            where not n.day between f.first_date and f.last_date
            and n.day + interval '1 day' <= t.as_of
        ) as missing_day_count,
        count(*) filter (
            where n.day between f.first_date and f.last_date
            and n.day + interval '1 day' > f.loaded_at - interval '48 hours'
        ) as provisional_day_count,
        max(n.day) + interval '1 day' <= max(t.as_of) as is_over
    from days as d
    cross join bill_file as f
    cross join (select max(loaded_at) as as_of from raw.files) as t
    cross join lateral (
        select cast(day as date) as day
        from generate_series(
            cast(d.usage_month as timestamp),
            d.usage_month + interval '1 month' - interval '1 day', interval '1 day'
        ) as series(day)
    ) as n
    group by 1
)
select d.usage_month, cast(d.billed_usd as decimal(30, 18)) as billed_usd,
    cast(d.logged_usd as decimal(30, 18)) as logged_usd,
    cast(d.expected_usd as decimal(30, 18)) as expected_usd,
    cast(null as decimal(30, 18)) as reported_usd,
    cast(d.calculation_usd as decimal(30, 18)) as calculation_difference_usd,
    cast(d.token_usd as decimal(30, 18)) as token_difference_usd,
    cast(d.rate_usd as decimal(30, 18)) as rate_difference_usd,
    cast(coalesce(t.timing_usd, 0) as decimal(30, 18)) as timing_usd,
    cast(0 as decimal(30, 18)) as non_usage_usd, cast(0 as decimal(30, 18)) as unmapped_usd,
    0 as unmapped_line_item_count, c.covered_day_count, c.missing_day_count,
    c.provisional_day_count, cast(0 as decimal(30, 18)) as accepted_usd,
    cast(d.open_usd as decimal(30, 18)) as open_usd,
    c.is_over and c.missing_day_count = 0 and c.provisional_day_count = 0
        and d.open_usd <= 0.02 * abs(d.logged_usd) as is_closable
from days as d
join calendar as c on c.usage_month = d.usage_month
left join timing as t on t.usage_month = d.usage_month;

-- prices that the bill implies: none, if every amount is a list price --------------------------

create temp table off_list as
select r.reconciliation_key
from reconciled_requests as r
join raw.bill as b on b.request_id = coalesce(r.billed_request_id, r.request_id)
left join raw.tiers as t
    on t.service_tier = case when b.is_batch then 'batch' else b.service_tier end
    and b.billed_at >= t.valid_from
    and b.billed_at < coalesce(t.valid_to, timestamp '9999-12-31')
where r.file_id is not null and r.billed_usd <> r.expected_usd
group by 1
having coalesce(min(abs(r.billed_usd - cast(r.expected_usd * t.multiplier as decimal(30, 18)))), 1)
    > 0.000000000001;

create table price_findings as
select cast(null as varchar) as model, cast(null as varchar) as token_class,
    cast(null as varchar) as service_tier, cast(null as decimal(18, 6)) as listed_price_per_1m,
    cast(null as decimal(18, 6)) as implied_price_per_1m, cast(null as date) as first_date,
    cast(null as date) as last_date, cast(null as bigint) as request_count,
    cast(null as bigint) as token_quantity, cast(null as decimal(30, 18)) as billed_usd,
    cast(null as boolean) as is_exact, cast(null as varchar) as suggested_row,
    cast(null as varchar) as why_not
from off_list
where false;

select case when count(*) > 0
    then cast('billed off the list price, and no price is solved for here: ' || count(*) as integer)
end as stop
from off_list;
