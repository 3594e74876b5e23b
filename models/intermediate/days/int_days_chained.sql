-- One row per UTC day, project and model that any side knows, with the chain logged →
-- expected → reported → billed. A side without rows on a day that it covers is 0; an
-- unknown link is skipped, so that the three differences add up to billed less logged.

with

days as (

    select * from {{ ref('int_days_joined') }}

),

usage_days as (

    select * from {{ ref('int_usage_days_known') }}

),

bill_days as (

    select * from {{ ref('int_bill_days_covered') }}

),

known as (

    select
        days.usage_date,
        days.project_id,
        days.model,
        days.resolution,
        days.issuer,
        days.remainder_issuer,
        days.remainder_load_number,
        days.remainder_usd,
        days.logged_requests,
        days.billed_requests,
        days.is_billed,
        days.is_charged,
        days.is_not_loggable,
        bill_days.last_loaded_at,
        days.logged_requests > 0 and days.valued_requests = 0 as is_log_unknown,
        days.is_billed or bill_days.usage_date is not null as is_covered,
        case when days.logged_requests = 0 then 0 else days.logged_usd end
            as logged_usd,
        case when days.logged_requests = 0 then 0 else days.expected_usd end
            as expected_usd,
        case
            when days.is_reported then days.reported_requests
            when usage_days.usage_date is not null then 0
        end as reported_requests,
        case
            when days.is_reported then days.reported_usd
            when usage_days.usage_date is not null then 0
        end as reported_usd,
        case
            when days.is_billed or bill_days.usage_date is not null
                then coalesce(days.billed_usd, 0)
        end as billed_usd
    from days
    left join usage_days
        on
            days.usage_date = usage_days.usage_date
            and days.project_id = usage_days.project_id
            and days.model = usage_days.model
    left join bill_days
        on
            days.usage_date = bill_days.usage_date
            and days.project_id = bill_days.project_id

),

linked as (

    select
        *,
        is_covered and not is_log_unknown as is_comparable,
        coalesce(expected_usd, logged_usd) as own_usd,
        coalesce(reported_usd, expected_usd, logged_usd) as used_usd
    from known

),

chained as (

    select
        usage_date,
        project_id,
        model,
        resolution,
        issuer,
        remainder_issuer,
        remainder_load_number,
        last_loaded_at,
        logged_requests,
        cast(reported_requests as bigint) as reported_requests,
        billed_requests,
        is_billed,
        is_charged,
        is_covered,
        is_not_loggable,
        is_log_unknown,
        cast(logged_usd as decimal(30, 18)) as logged_usd,
        cast(expected_usd as decimal(30, 18)) as expected_usd,
        cast(reported_usd as decimal(30, 18)) as reported_usd,
        cast(billed_usd as decimal(30, 18)) as billed_usd,
        cast(remainder_usd as decimal(30, 18)) as remainder_usd,
        cast(own_usd as decimal(30, 18)) as own_usd,
        cast(
            case when is_comparable then own_usd - logged_usd end as decimal(30, 18)
        ) as calculation_difference_usd,
        cast(
            case when is_comparable then used_usd - own_usd end as decimal(30, 18)
        ) as token_difference_usd,
        cast(
            case when is_comparable then billed_usd - used_usd end as decimal(30, 18)
        ) as rate_difference_usd,
        cast(
            case when is_comparable then billed_usd - logged_usd end as decimal(30, 18)
        ) as difference_usd
    from linked

)

select * from chained
