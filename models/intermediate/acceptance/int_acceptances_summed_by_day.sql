-- One row per UTC day, project and model of daily_reconciliation on which discrepancies
-- are accepted, with what of the day's difference they are.

with

discrepancies as (

    select * from {{ ref('discrepancies') }}
    where is_accepted

),

ungrouped_days as (

    select * from {{ ref('int_ungrouped_days') }}

),

placed as (

    select
        discrepancies.*,
        {{ bucket_model('discrepancies.model', 'ungrouped_days') }} as bucket_model
    from discrepancies
    left join ungrouped_days
        on
            discrepancies.usage_date = ungrouped_days.usage_date
            and discrepancies.project_id = ungrouped_days.project_id

),

summed as (

    select
        usage_date,
        project_id,
        bucket_model as model,
        cast(sum(coalesce(difference_usd, billed_usd, 0)) as decimal(30, 18))
            as accepted_usd
    from placed
    group by 1, 2, 3

)

select * from summed
