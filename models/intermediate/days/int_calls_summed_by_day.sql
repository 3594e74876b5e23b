-- One row per UTC day, project and model of the log, with its provider calls added up.
-- Repeated logs are among them: that we logged too much is what a day must show.
-- Kept from build to build, as it is small and its log is not: the day marts read it.

{{ config(materialized='incremental') }}

with

-- an action that is no call, but is billed by its request id, is one after all
calls as (

    select * from {{ ref('int_calls_priced') }}
    where is_provider_call

    union all

    select calls.*
    from {{ ref('int_calls_priced') }} as calls
    inner join {{ ref('int_billed_requests_summed') }} as billed_requests
        on calls.request_id = billed_requests.request_id
    left join {{ ref('int_duplicate_logs') }} as duplicate_logs
        on calls.usage_id = duplicate_logs.usage_id
    where
        not calls.is_provider_call
        and duplicate_logs.usage_id is null
        and billed_requests.is_first_issuer

),

rebuilt_days as (

    select * from {{ ref('int_days_to_rebuild') }}

),

ungrouped_days as (

    select * from {{ ref('int_ungrouped_days') }}

),

placed as (

    select
        calls.usage_date,
        calls.project_id,
        {{ bucket_model('calls.model', 'ungrouped_days') }} as model,
        calls.logged_usd,
        calls.listed_usd,
        calls.input_tokens
        - coalesce(calls.cached_input_tokens, 0)
        - coalesce(calls.cache_write_tokens, 0) as uncached_input_tokens,
        calls.cached_input_tokens,
        calls.cache_write_tokens,
        calls.output_tokens
    from calls
    inner join rebuilt_days
        on {{ day_key('calls.usage_date') }} = rebuilt_days.usage_date
    left join ungrouped_days
        on
            calls.usage_date = ungrouped_days.usage_date
            and calls.project_id = ungrouped_days.project_id

),

summed as (

    select
        usage_date,
        project_id,
        model,
        count(*) as logged_requests,
        count(logged_usd) as valued_requests,
        cast(sum(logged_usd) as decimal(30, 18)) as logged_usd,
        -- a part of the price would pass for the whole
        cast(
            case when count(*) = count(listed_usd) then sum(listed_usd) end
            as decimal(30, 18)
        ) as expected_usd,
        {{ fitting_tokens('sum(uncached_input_tokens)') }} as uncached_input_tokens,
        {{ fitting_tokens('sum(cached_input_tokens)') }} as cached_input_tokens,
        {{ fitting_tokens('sum(cache_write_tokens)') }} as cache_write_tokens,
        {{ fitting_tokens('sum(output_tokens)') }} as output_tokens
    from placed
    group by 1, 2, 3

)

select * from summed
