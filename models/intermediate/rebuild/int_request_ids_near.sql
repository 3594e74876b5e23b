-- One row per row of a changed day, or of a day near one, that has a request id: in the
-- log, on a bill, or where the last build put the two together.
-- A table, so that an engine knows how few they are before it looks for them all over.

{{ config(materialized='table') }}

with

past_calls as (

    {{ kept_rows('reconciled_requests', {
        'usage_id': dbt.type_string(),
        'logged_at': 'timestamp',
        'request_id': dbt.type_string(),
        'billed_request_id': dbt.type_string(),
    }) }}

),

-- a call that is gone since may have left its bill behind
changed_past_calls as (

    select
        past_calls.request_id,
        past_calls.billed_request_id,
        changed_days.usage_date
    from past_calls
    inner join {{ ref('int_days_changed') }} as changed_days
        on {{ day_key('cast(past_calls.logged_at as date)') }} = changed_days.usage_date
    where
        past_calls.usage_id is not null
        and {{ within_days('past_calls.logged_at', 'int_days_changed') }}

),

all_ids as (

    select
        rows_with_ids.request_id,
        near_days.usage_date,
        near_days.is_changed
    from {{ ref('int_rows_with_ids') }} as rows_with_ids
    inner join {{ ref('int_days_near') }} as near_days
        on rows_with_ids.usage_date = near_days.usage_date
    where {{ within_days('rows_with_ids.happened_at', 'int_days_near') }}

    union all

    select
        request_id,
        usage_date,
        true as is_changed
    from changed_past_calls

    union all

    select
        billed_request_id as request_id,
        usage_date,
        true as is_changed
    from changed_past_calls

)

select * from all_ids
where request_id is not null
