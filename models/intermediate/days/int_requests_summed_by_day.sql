-- One row per issuer, UTC day, project and model of the request-level bills.
-- Kept from build to build, as it is small and the bills are not. They are read twice
-- rather than through one CTE, which an engine would copy whole.

{{ config(materialized='incremental') }}

with

calls as (

    select * from {{ ref('int_calls_keyed') }}

),

-- the project, and the day where a bill names no time, are those of its call
placed as (

    select
        issuer,
        billed_date as usage_date,
        {{ project_key('null') }} as project_id,
        model,
        load_number,
        billed_usd,
        listed_usd
    from {{ ref('int_billed_requests_keyed') }}
    where billed_date is not null and not {{ var('reconcile_by_project') }}

    union all

    select
        billed_requests.issuer,
        coalesce(billed_requests.billed_date, calls.usage_date) as usage_date,
        coalesce(calls.project_id, {{ project_key('null') }}) as project_id,
        billed_requests.model,
        billed_requests.load_number,
        billed_requests.billed_usd,
        billed_requests.listed_usd
    from {{ ref('int_billed_requests_keyed') }} as billed_requests
    left join calls
        on
            billed_requests.match_text = calls.match_text
            and billed_requests.match_number = calls.match_number
    where billed_requests.billed_date is null or {{ var('reconcile_by_project') }}

),

rebuilt_days as (

    select * from {{ ref('int_days_to_rebuild') }}

),

ungrouped_days as (

    select * from {{ ref('int_ungrouped_days') }}

),

resolved as (

    select
        placed.*,
        {{ bucket_model('placed.model', 'ungrouped_days') }} as day_model
    from placed
    inner join rebuilt_days
        on {{ day_key('placed.usage_date') }} = rebuilt_days.usage_date
    left join ungrouped_days
        on
            placed.usage_date = ungrouped_days.usage_date
            and placed.project_id = ungrouped_days.project_id

),

summed as (

    select
        issuer,
        usage_date,
        project_id,
        day_model as model,
        count(*) as request_count,
        max(load_number) as load_number,
        cast(coalesce(sum(billed_usd), 0) as decimal(30, 18)) as request_usd,
        cast(coalesce(sum(listed_usd), 0) as decimal(30, 18)) as listed_usd
    from resolved
    group by 1, 2, 3, 4

)

select * from summed
