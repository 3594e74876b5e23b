-- One row per UTC day and model whose compared rows add up to a difference beyond the
-- drift tolerance, as do those alone that the tolerance of a row lets pass.

with

compared as (

    select * from {{ ref('int_requests_summed_by_result') }}
    where reconciliation_status in ('matched', 'discrepancy')

),

summed as (

    select
        usage_date,
        model,
        cast(sum(request_count) as bigint) as request_count,
        cast(
            sum(
                case
                    when reconciliation_status = 'matched' then request_count else 0
                end
            ) as bigint
        ) as matched_count,
        cast(coalesce(sum(logged_usd), 0) as decimal(30, 18)) as logged_usd,
        cast(coalesce(sum(billed_usd), 0) as decimal(30, 18)) as billed_usd,
        cast(sum(difference_usd) as decimal(30, 18)) as difference_usd,
        sum(case when reconciliation_status = 'matched' then logged_usd else 0 end)
            as matched_logged_usd,
        sum(case when reconciliation_status = 'matched' then difference_usd else 0 end)
            as matched_difference_usd,
        -- more than the noise of doubles
        bool_or(reconciliation_status = 'matched' and is_caused) as is_caused
    from compared
    group by 1, 2

),

drifting as (

    select *
    from summed
    where
        is_caused
        and abs(difference_usd)
        > cast({{ var('drift_tolerance_pct') }} as decimal(6, 4)) * abs(logged_usd)
        and abs(matched_difference_usd)
        > cast({{ var('drift_tolerance_pct') }} as decimal(6, 4))
        * abs(matched_logged_usd)

)

select * from drifting
