-- From the logged dollars the causes lead to the billed ones, to the last digit: of
-- every month and model, every day and every file. A row is one where they do not.

with

reconciled as (

    select
        *,
        cast(date_trunc('month', usage_date) as date) as usage_month,
        coalesce(billed_usd, 0) - coalesce(logged_usd, 0) as way_usd
    from {{ ref('reconciled_requests') }}
    where coalesce(billed_usd, 0) <> coalesce(logged_usd, 0)

),

differences as (

    select * from {{ ref('int_differences_split') }}

),

waterfall as (

    select * from {{ ref('variance_waterfall') }}

),

-- the way to go is added, every step on it taken off
sums as (

    select
        'month' as level_name,
        cast(usage_month as {{ dbt.type_string() }}) || coalesce(model, '') as item,
        way_usd as rest_usd
    from reconciled

    union all

    select
        'month' as level_name,
        cast(usage_month as {{ dbt.type_string() }}) || coalesce(model, '') as item,
        -difference_usd as rest_usd
    from waterfall

    union all

    select
        'day' as level_name,
        cast(usage_date as {{ dbt.type_string() }}) as item,
        way_usd as rest_usd
    from reconciled

    union all

    select
        'day' as level_name,
        cast(usage_date as {{ dbt.type_string() }}) as item,
        -difference_usd as rest_usd
    from differences

    union all

    select
        'file' as level_name,
        file_id as item,
        way_usd as rest_usd
    from reconciled

    union all

    select
        'file' as level_name,
        file_id as item,
        -difference_usd as rest_usd
    from differences

)

select
    level_name,
    item,
    sum(rest_usd) as rest_usd
from sums
group by 1, 2
having sum(rest_usd) <> 0
