-- One row per charge of a cost export that no logged call shares: the bill, or part of
-- the bill, of a bucket that our log does not explain, and each charge that is for no
-- usage at all.

with

remainders as (

    select * from {{ ref('int_remainders_split') }}

),

cost_lines as (

    select charges.*
    from {{ ref('int_cost_lines_classified') }} as charges
    inner join {{ ref('int_days_to_rebuild') }} as rebuilt_days
        on {{ day_key('charges.usage_date') }} = rebuilt_days.usage_date
    where
        charges.line_use = 'counted'
        and charges.charge_kind not in ('usage', 'evals')

),

unlogged_buckets as (

    select
        'bucket:'
        || remainder_issuer
        || ':'
        || cast(usage_date as {{ dbt.type_string() }})
        || ':'
        || project_id
        || ':'
        || model as reconciliation_key,
        remainder_issuer as issuer,
        remainder_load_number as load_number,
        bucket_number,
        usage_date,
        project_id,
        model,
        cast(null as {{ dbt.type_string() }}) as billed_model,
        -- where the provider says how many more requests there were than we logged
        case
            when reported_requests - logged_requests > 1
                then reported_requests - logged_requests
            else 1
        end as request_count,
        unlogged_usd as billed_usd,
        case
            when logged_requests = 0 then reported_usd
            when token_difference_usd > 0 then token_difference_usd
        end as expected_usd,
        case when is_not_loggable then 'not_loggable' else 'not_logged' end
            as status_reason
    from remainders
    where
        unlogged_usd <> 0
        or (
            billed_requests = 0
            and (logged_requests = 0 or (call_count > 0 and token_difference_usd > 0))
        )

),

non_usage_charges as (

    select
        'line:'
        || file_id
        || ':'
        || cast(line_number as {{ dbt.type_string() }}) as reconciliation_key,
        issuer,
        load_number,
        cast(null as bigint) as bucket_number,
        usage_date,
        project_id,
        cast(null as {{ dbt.type_string() }}) as model,
        line_item as billed_model,
        1 as request_count,
        amount_usd as billed_usd,
        cast(null as decimal(30, 18)) as expected_usd,
        'non_usage_charge' as status_reason
    from cost_lines

),

unlogged as (

    select * from unlogged_buckets

    union all

    select * from non_usage_charges

)

select * from unlogged
