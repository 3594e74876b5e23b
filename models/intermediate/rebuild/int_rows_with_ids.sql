-- One row per logged call and per line of a request-level bill, with its request id, if
-- any, and day; none where every day is built: nobody then asks which days an id links.

with

both_kinds as (

    select
        {{ day_key('usage_date') }} as usage_date,
        logged_at as happened_at,
        request_id
    from {{ ref('stg_application__token_usage') }}
    where not {{ is_whole_build() }}

    union all

    select
        {{ day_key('billed_date') }} as usage_date,
        billed_at as happened_at,
        request_id
    from {{ ref('stg_provider__billed_requests') }}
    where not {{ is_whole_build() }}

)

select * from both_kinds
