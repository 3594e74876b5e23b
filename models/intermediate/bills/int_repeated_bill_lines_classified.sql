-- One row per bill line whose request id stands on several lines of its issuer, with
-- the use made of it. Nearly every request has one line and needs no window.
-- A table, because the sums and the file totals both read it and it is small.

{{ config(materialized='table') }}

with

lines as (

    select * from {{ ref('int_bill_lines_filed') }}

),

repeated_requests as (

    select
        issuer,
        request_id
    from lines
    where request_id is not null
    group by 1, 2
    having count(*) > 1

),

copies as (

    select
        lines.issuer,
        lines.request_id,
        lines.load_number,
        lines.line_number,
        row_number() over (
            partition by
                lines.load_number,
                lines.request_id,
                lines.billed_at,
                lines.billed_model,
                lines.input_tokens, lines.cached_input_tokens, lines.cache_write_tokens,
                lines.output_tokens, lines.reasoning_tokens, lines.total_tokens,
                lines.stated_usd, lines.fee_usd, lines.endpoint, lines.request_status,
                lines.service_tier, lines.is_batch, lines.region
            order by lines.line_number
        ) as copy_number,
        -- a file whose own lines for the request are all negative refunds it
        max(case when lines.stated_usd < 0 then 0 else 1 end) over (
            partition by lines.issuer, lines.request_id, lines.load_number
        ) = 0 as is_refund
    from lines
    inner join repeated_requests
        on
            lines.issuer = repeated_requests.issuer
            and lines.request_id = repeated_requests.request_id

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
        case
            when copy_number > 1 then 'duplicate'
            when load_number < charging_load_number then 'superseded'
            else 'counted'
        end as line_use
    from charged

)

select * from classified
