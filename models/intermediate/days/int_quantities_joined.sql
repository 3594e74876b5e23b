-- One row per UTC day, project, model, token class and unit that any side counts, with
-- the three quantities. A side that covers the day without a line of the class has 0.

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

keys as (

    select
        usage_date,
        project_id,
        model,
        token_class,
        quantity_unit
    from logged
    where quantity <> 0

    union

    select
        usage_date,
        project_id,
        model,
        token_class,
        quantity_unit
    from reported
    where quantity <> 0

    union

    select
        usage_date,
        project_id,
        model,
        token_class,
        quantity_unit
    from billed
    where quantity <> 0

),

joined as (

    select
        keys.*,
        -- a log counts text only: of other classes it knows nothing, not none
        case
            when logged.quantity is not null then logged.quantity
            when
                keys.token_class in ('input', 'cached_input', 'cache_write', 'output')
                then 0
        end as logged_quantity,
        case
            when reported.quantity is not null then reported.quantity
            when usage_days.usage_date is not null then 0
        end as reported_quantity,
        case
            when billed.quantity is not null then billed.quantity
            when
                cost_days.usage_date is not null
                and billed_classes.usage_date is null
                and keys.model <> '(all)'
                then 0
        end as billed_quantity
    from keys
    left join logged
        on
            keys.usage_date is not distinct from logged.usage_date
            and keys.project_id = logged.project_id
            and keys.model = logged.model
            and keys.token_class = logged.token_class
            and keys.quantity_unit = logged.quantity_unit
    left join reported
        on
            keys.usage_date = reported.usage_date
            and keys.project_id = reported.project_id
            and keys.model = reported.model
            and keys.token_class = reported.token_class
            and keys.quantity_unit = reported.quantity_unit
    left join billed
        on
            keys.usage_date = billed.usage_date
            and keys.project_id = billed.project_id
            and keys.model = billed.model
            and keys.token_class = billed.token_class
            and keys.quantity_unit is not distinct from billed.quantity_unit
    left join usage_days
        on
            keys.usage_date = usage_days.usage_date
            and keys.project_id = usage_days.project_id
            and keys.model = usage_days.model
    left join cost_days
        on
            keys.usage_date = cost_days.usage_date
            and keys.project_id = cost_days.project_id
    left join billed_classes
        on
            keys.usage_date = billed_classes.usage_date
            and keys.project_id = billed_classes.project_id
            and keys.model = billed_classes.model
            and keys.token_class = billed_classes.token_class

)

select * from joined
