-- One row per reconciled request that somebody must look at; of calls that share the
-- bill of a bucket, one row per bucket and reason.

{{ config(meta={'unique_texts': ['reconciliation_key', 'usage_id', 'request_id']}) }}

with

discrepancies as (

    select * from {{ ref('int_discrepancies_listed') }}

),

accepted as (

    select * from {{ ref('int_discrepancies_accepted') }}

),

today as (

    select * from {{ ref('int_today') }}

),

aged as (

    select
        discrepancies.*,
        accepted.acceptance is not null as is_accepted,
        accepted.acceptance,
        cast(
            {{ dbt.datediff('discrepancies.first_seen_at', 'today.as_of', 'day') }}
            as integer
        ) as age_days
    from discrepancies
    left join accepted
        on discrepancies.reconciliation_key = accepted.reconciliation_key
    cross join today

),

final as (

    select
        *,
        case
            when age_days <= 7 then '0-7 days'
            when age_days <= 30 then '8-30 days'
            when age_days <= 90 then '31-90 days'
            when age_days > 90 then 'over 90 days'
        end as age_band
    from aged

)

select * from final
