-- One row per issuer, UTC day, project and model of the cost exports, with what was
-- charged for usage.

with

cost_lines as (

    select * from {{ ref('int_cost_lines_placed') }}

),

summed as (

    select
        issuer,
        usage_date,
        project_id,
        day_model as model,
        max(load_number) as load_number,
        cast(coalesce(sum(amount_usd), 0) as decimal(30, 18)) as bucket_usd,
        -- a line that charges nothing for nothing is no bucket
        bool_or(coalesce(amount_usd, 0) <> 0 or coalesce(quantity, 0) <> 0)
            as is_charged,
        bool_and(token_class in ('tool_call', 'storage')) as is_not_loggable
    from cost_lines
    group by 1, 2, 3, 4

)

select * from summed
where is_charged
