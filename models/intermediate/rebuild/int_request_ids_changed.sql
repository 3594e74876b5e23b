-- One row per row of a changed day that has a request id: in the log, on a bill, or
-- where the last build put the two together.
-- A table, so that an engine knows how few they are before it looks for them all over.

{{ config(materialized='table') }}

with

changed_days as (

    select * from {{ ref('int_days_changed') }}

),

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
        past_calls.billed_request_id
    from past_calls
    inner join changed_days
        on {{ day_key('cast(past_calls.logged_at as date)') }} = changed_days.usage_date
    where
        past_calls.usage_id is not null
        and {{ within_days('past_calls.logged_at', 'int_days_changed') }}

),

all_ids as (

    select rows_with_ids.request_id
    from {{ ref('int_rows_with_ids') }} as rows_with_ids
    inner join changed_days
        on rows_with_ids.usage_date = changed_days.usage_date
    where {{ within_days('rows_with_ids.happened_at', 'int_days_changed') }}

    union all

    select request_id from changed_past_calls

    union all

    select billed_request_id from changed_past_calls

)

select request_id
from all_ids
where request_id is not null
