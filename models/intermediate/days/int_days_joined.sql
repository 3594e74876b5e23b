-- One row per UTC day, project and model that the log, a usage export or a bill knows,
-- with the three sides. On a day that is not told apart by model there is one, `(all)`.

with

calls as (

    select * from {{ ref('int_calls_summed_by_day') }}

),

usage as (

    select * from {{ ref('int_usage_summed_by_day') }}

),

bills as (

    select * from {{ ref('int_bills_summed_by_day') }}

),

ungrouped_days as (

    select * from {{ ref('int_ungrouped_days') }}

),

keys as (

    select
        usage_date,
        project_id,
        model
    from calls

    union

    select
        usage_date,
        project_id,
        model
    from usage
    where reported_requests > 0 or reported_usd <> 0

    union

    select
        usage_date,
        project_id,
        model
    from bills

),

joined as (

    select
        keys.usage_date,
        keys.project_id,
        keys.model,
        case when ungrouped_days.usage_date is null then 'line_item' else 'day' end
            as resolution,

        -- log
        coalesce(calls.logged_requests, 0) as logged_requests,
        coalesce(calls.valued_requests, 0) as valued_requests,
        calls.logged_usd,
        calls.expected_usd,

        -- usage export
        usage.model is not null as is_reported,
        usage.reported_requests,
        usage.reported_usd,

        -- bills
        bills.model is not null as is_billed,
        bills.issuer,
        bills.remainder_issuer,
        bills.remainder_load_number,
        bills.billed_usd,
        bills.remainder_usd,
        coalesce(bills.request_count, 0) as billed_requests,
        coalesce(bills.is_charged, false) as is_charged,
        coalesce(bills.is_not_loggable, false) as is_not_loggable
    from keys
    left join calls
        on
            keys.usage_date is not distinct from calls.usage_date
            and keys.project_id = calls.project_id
            and keys.model = calls.model
    left join usage
        on
            keys.usage_date = usage.usage_date
            and keys.project_id = usage.project_id
            and keys.model = usage.model
    left join bills
        on
            keys.usage_date is not distinct from bills.usage_date
            and keys.project_id = bills.project_id
            and keys.model = bills.model
    left join ungrouped_days
        on
            keys.usage_date = ungrouped_days.usage_date
            and keys.project_id = ungrouped_days.project_id

)

select * from joined
