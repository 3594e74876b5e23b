-- One row per UTC day, project, model, token class and unit that any side counts, with
-- the three quantities.

with

logged as (

    select * from {{ ref('int_quantities_logged') }}

),

reported as (

    select * from {{ ref('int_quantities_reported') }}

),

billed as (

    select * from {{ ref('int_quantities_billed') }}

),

stacked as (

    select
        'logged' as side,
        usage_date,
        project_id,
        model,
        token_class,
        quantity_unit,
        quantity
    from logged

    union all

    select
        'reported' as side,
        usage_date,
        project_id,
        model,
        token_class,
        quantity_unit,
        quantity
    from reported

    union all

    select
        'billed' as side,
        usage_date,
        project_id,
        model,
        token_class,
        quantity_unit,
        quantity
    from billed

),

joined as (

    select
        usage_date,
        project_id,
        model,
        token_class,
        quantity_unit,
        sum(case when side = 'logged' then quantity end) as logged_quantity,
        sum(case when side = 'reported' then quantity end) as reported_quantity,
        sum(case when side = 'billed' then quantity end) as billed_quantity
    from stacked
    group by 1, 2, 3, 4, 5
    having max(abs(quantity)) > 0

)

select * from joined
