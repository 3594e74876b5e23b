-- One row per line of a request-level bill, with the one use that is made of it:
-- counted, duplicate (again in its file) or superseded (restated by a later file).

with

lines as (

    select * from {{ ref('int_bill_lines_filed') }}

),

repeated_lines as (

    select * from {{ ref('int_repeated_bill_lines_classified') }}

),

covered as (

    select * from {{ ref('int_days_covered') }}

),

classified as (

    select
        lines.*,
        repeated_lines.line_number is not null as is_repeated,
        coalesce(repeated_lines.is_refund, lines.stated_usd < 0, false) as is_refund,
        coalesce(repeated_lines.is_first_issuer, true) as is_first_issuer,
        case
            when repeated_lines.line_use is not null then repeated_lines.line_use
            -- a line without id cannot be recognised in a later file: the days decide
            when
                lines.request_id is null
                and covered.last_load_number > lines.load_number
                then 'superseded'
            else 'counted'
        end as line_use
    from lines
    left join repeated_lines
        on
            lines.load_number = repeated_lines.load_number
            and lines.line_number = repeated_lines.line_number
    left join covered
        on
            lines.issuer = covered.issuer
            and lines.billed_date = covered.usage_date
            and lines.request_id is null

)

select * from classified
