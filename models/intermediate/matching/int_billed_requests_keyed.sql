-- One row per billed request, with the key that joins it to its call: that of
-- int_calls_keyed.

with

billed_requests as (

    select * from {{ ref('int_billed_requests_summed') }}

),

matched_by_time as (

    select * from {{ ref('int_calls_matched_by_time') }}

),

keyed as (

    select
        billed_requests.*,
        case
            when matched_by_time.usage_id is not null
                then cast(matched_by_time.load_number as {{ dbt.type_string() }})
            when billed_requests.is_first_issuer then billed_requests.request_id
        end as match_text,
        case
            when
                matched_by_time.usage_id is not null
                or not billed_requests.is_first_issuer
                then billed_requests.request_id
        end as other_request_id,
        coalesce(matched_by_time.line_number, 0) as match_number
    from billed_requests
    left join matched_by_time
        on
            billed_requests.load_number = matched_by_time.load_number
            and billed_requests.line_number = matched_by_time.line_number

)

select * from keyed
