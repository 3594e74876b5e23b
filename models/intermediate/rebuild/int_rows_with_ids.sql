-- One row per logged call and per line of a request-level bill that has a request id,
-- with its day; none where every day is built, as nobody then asks which days it links.

with

both_kinds as (

    select
        {{ day_key('usage_date') }} as usage_date,
        request_id
    from {{ ref('stg_application__token_usage') }}
    where request_id is not null and not {{ is_whole_build() }}

    union all

    select
        {{ day_key('billed_date') }} as usage_date,
        request_id
    from {{ ref('stg_provider__billed_requests') }}
    where request_id is not null and not {{ is_whole_build() }}

)

select * from both_kinds
