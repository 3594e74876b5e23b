-- One row per bill line whose request id stands on several lines, with the use made of
-- it. Nearly every request has one line and needs no window.
-- A table, because it is small and every bill line looks itself up in it. The lines are
-- read twice rather than through one CTE, which an engine would copy whole.

{{ config(materialized='table') }}

with

repeated_requests as (

    select request_id
    from {{ ref('int_bill_lines_filed') }}
    where request_id is not null
    group by 1
    having count(*) > 1

),

repeated_lines as (

    select bill_lines.*
    from {{ ref('int_bill_lines_filed') }} as bill_lines
    inner join repeated_requests
        on bill_lines.request_id = repeated_requests.request_id

),

copies as (

    select
        issuer,
        request_id,
        load_number,
        line_number,
        row_number() over (
            partition by
                load_number, request_id, billed_at, billed_model,
                input_tokens, cached_input_tokens, cache_write_tokens,
                output_tokens, reasoning_tokens, total_tokens,
                stated_usd, fee_usd, endpoint, request_status,
                service_tier, is_batch, region
            order by line_number
        ) as copy_number,
        -- a file whose own lines for the request are all negative refunds it
        max(case when stated_usd < 0 then 0 else 1 end) over (
            partition by issuer, request_id, load_number
        ) = 0 as is_refund,
        -- should two issuers bill one id, the first by name takes the call
        issuer = min({{ bytewise('issuer') }}) over (
            partition by request_id
        ) as is_first_issuer
    from repeated_lines

),

charged as (

    select
        *,
        -- the newest file that charges the request rather than refunds it
        max(case when not is_refund then load_number end) over (
            partition by issuer, request_id
        ) as charging_load_number
    from copies

),

classified as (

    select
        load_number,
        line_number,
        is_refund,
        is_first_issuer,
        case
            when copy_number > 1 then 'duplicate'
            when load_number < charging_load_number then 'superseded'
            else 'counted'
        end as line_use
    from charged

)

select * from classified
