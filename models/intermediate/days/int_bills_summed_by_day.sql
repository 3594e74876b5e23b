-- One row per UTC day, project and model of the bills of both grains. Where a
-- cost export covers the day it says what the issuer charged, and what it holds beyond
-- the request-level bill is the remainder.

with

costs as (

    select * from {{ ref('int_costs_summed_by_day') }}

),

billed_requests as (

    select * from {{ ref('int_requests_summed_by_day') }}

),

covered_days as (

    select * from {{ ref('int_bucket_days_covered') }}
    where bucket_kind = 'costs'

),

both_grains as (

    select
        coalesce(costs.issuer, billed_requests.issuer) as issuer,
        coalesce(costs.usage_date, billed_requests.usage_date) as usage_date,
        coalesce(costs.project_id, billed_requests.project_id) as project_id,
        coalesce(costs.model, billed_requests.model) as model,
        coalesce(costs.load_number, billed_requests.load_number) as load_number,
        coalesce(costs.bucket_usd, 0) as bucket_usd,
        coalesce(billed_requests.request_usd, 0) as request_usd,
        coalesce(billed_requests.request_count, 0) as request_count,
        coalesce(costs.is_charged, false) as is_charged,
        coalesce(costs.is_not_loggable, false) as is_not_loggable
    from costs
    full outer join billed_requests
        on
            costs.issuer = billed_requests.issuer
            and costs.usage_date = billed_requests.usage_date
            and costs.project_id = billed_requests.project_id
            and costs.model = billed_requests.model

),

compared as (

    select
        both_grains.*,
        covered_days.usage_date is not null as is_bucket_day,
        case
            when covered_days.usage_date is not null then both_grains.bucket_usd
            else both_grains.request_usd
        end as billed_usd,
        case
            when covered_days.usage_date is not null
                then both_grains.bucket_usd - both_grains.request_usd
        end as remainder_usd
    from both_grains
    left join covered_days
        on
            both_grains.issuer = covered_days.issuer
            and both_grains.usage_date = covered_days.usage_date
            and both_grains.project_id = covered_days.project_id

),

-- issuers cannot be told apart in a log: what they bill in one bucket adds up
summed as (

    select
        usage_date,
        project_id,
        model,
        {{ dbt.listagg('issuer', "', '", 'order by ' ~ bytewise('issuer')) }}
            as issuer,
        {{ dbt.listagg('issuer', "', '", 'order by ' ~ bytewise('issuer')) }}
        filter (where is_bucket_day) as remainder_issuer,
        max(load_number) filter (where is_bucket_day) as remainder_load_number,
        cast(sum(billed_usd) as decimal(30, 18)) as billed_usd,
        cast(sum(remainder_usd) as decimal(30, 18)) as remainder_usd,
        cast(sum(request_count) as bigint) as request_count,
        bool_or(is_charged) as is_charged,
        bool_and(is_not_loggable) as is_not_loggable
    from compared
    group by 1, 2, 3

)

select * from summed
