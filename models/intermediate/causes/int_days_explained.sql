-- One row per UTC day, project and model that any side knows, with the causes of its
-- rows. A request that is logged on one day and billed on another, or under another
-- model, leaves a rest on both that is in no row's difference.

with

days as (

    select * from {{ ref('int_days_judged') }}

),

causes as (

    select * from {{ ref('int_causes_summed_by_day') }}

),

joined as (

    select
        days.*,
        causes.log_cause as rows_log_cause,
        causes.bill_cause as rows_bill_cause,
        causes.cause_candidates,
        days.reconciliation_status in ('pending', 'not_found') as is_one_sided,
        cast(
            case
                when days.difference_usd is not null
                    then coalesce(causes.log_error_usd, 0)
            end as decimal(30, 18)
        ) as log_error_usd,
        cast(
            days.difference_usd - coalesce(causes.difference_usd, 0)
            as decimal(30, 18)
        ) as rest_usd
    from days
    left join causes
        on
            days.usage_date is not distinct from causes.usage_date
            and days.project_id = causes.project_id
            and days.model = causes.model

),

beside_neighbours as (

    select
        *,
        lag(usage_date) over models as date_before,
        lag(rest_usd) over models as rest_before_usd,
        lead(usage_date) over models as date_after,
        lead(rest_usd) over models as rest_after_usd
    from joined
    window models as (partition by project_id, model order by usage_date)

),

rested as (

    select
        *,
        case
            when rest_usd is null or abs(rest_usd) <= {{ noise_usd() }} then null
            when
                (
                    date_before = usage_date - interval '1' day
                    and abs(rest_usd + rest_before_usd) <= {{ noise_usd() }}
                )
                or (
                    date_after = usage_date + interval '1' day
                    and abs(rest_usd + rest_after_usd) <= {{ noise_usd() }}
                )
                then 'day_boundary'
            when is_one_sided then status_reason
            else 'unexplained'
        end as rest_cause
    from beside_neighbours

),

caused as (

    select
        *,
        cast(difference_usd - log_error_usd as decimal(30, 18)) as bill_error_usd,
        case
            -- reported, not billed and not logged, a bucket is in no row
            when
                coalesce(rows_log_cause, rows_bill_cause, rest_cause) is null
                and status_reason in ('not_logged', 'not_loggable')
                then status_reason
            else rows_log_cause
        end as log_cause,
        case
            when rows_bill_cause <> rest_cause then 'several'
            else coalesce(rows_bill_cause, rest_cause)
        end as bill_cause
    from rested

),

explained as (

    select
        *,
        case
            when log_cause <> bill_cause then 'several'
            when is_one_sided then coalesce(log_cause, bill_cause, status_reason)
            else coalesce(log_cause, bill_cause)
        end as cause
    from caused

)

select * from explained
