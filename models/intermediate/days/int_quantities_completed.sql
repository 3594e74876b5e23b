-- One row per UTC day, project, model, token class and unit that any side counts, with
-- the three quantities. A side that covers the day without a line of the class has 0.

with

quantities as (

    select * from {{ ref('int_quantities_joined') }}

),

billed as (

    select * from {{ ref('int_quantities_billed') }}

),

usage_days as (

    select * from {{ ref('int_usage_days_known') }}

),

cost_days as (

    select distinct
        usage_date,
        project_id
    from {{ ref('int_bucket_days_covered') }}
    where bucket_kind = 'costs'

),

-- classes that are charged, whether or not with a quantity; `all` may be any of them
billed_classes as (

    select distinct
        billed.usage_date,
        billed.project_id,
        billed.model,
        measures.token_class
    from billed
    inner join {{ ref('usage_measures') }} as measures
        on billed.token_class = measures.token_class or billed.token_class = 'all'

),

completed as (

    select
        quantities.usage_date,
        quantities.project_id,
        quantities.model,
        quantities.token_class,
        quantities.quantity_unit,
        -- a log counts text only: of other classes it knows nothing, not none
        case
            when quantities.logged_quantity is not null then quantities.logged_quantity
            when
                quantities.token_class in (
                    'input', 'cached_input', 'cache_write', 'output'
                )
                then 0
        end as logged_quantity,
        case
            when quantities.reported_quantity is not null
                then quantities.reported_quantity
            when usage_days.usage_date is not null then 0
        end as reported_quantity,
        case
            when quantities.billed_quantity is not null then quantities.billed_quantity
            when
                cost_days.usage_date is not null
                and billed_classes.usage_date is null
                and quantities.model <> '(all)'
                then 0
        end as billed_quantity
    from quantities
    left join usage_days
        on
            quantities.usage_date = usage_days.usage_date
            and quantities.project_id = usage_days.project_id
            and quantities.model = usage_days.model
    left join cost_days
        on
            quantities.usage_date = cost_days.usage_date
            and quantities.project_id = cost_days.project_id
    left join billed_classes
        on
            quantities.usage_date = billed_classes.usage_date
            and quantities.project_id = billed_classes.project_id
            and quantities.model = billed_classes.model
            and quantities.token_class = billed_classes.token_class

)

select * from completed
