-- One row per UTC day, project, model, token class and unit of the cost exports;
-- without quantity and unit where they state none.

with

cost_lines as (

    select * from {{ ref('int_cost_lines_placed') }}

),

summed as (

    select
        usage_date,
        project_id,
        day_model as model,
        token_class,
        quantity_unit,
        cast(sum(quantity) as decimal(38, 18)) as quantity
    from cost_lines
    group by 1, 2, 3, 4, 5

)

select * from summed
