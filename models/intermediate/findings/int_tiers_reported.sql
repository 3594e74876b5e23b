-- One row per model and UTC day of which the usage exports name a single service tier:
-- the tier of the cost export's line items, which name none.

with

usage_lines as (

    select * from {{ ref('stg_provider__usage_buckets') }}
    where is_filled

),

names as (

    select * from {{ ref('int_models_named') }}

),

stated as (

    select
        names.price_model_name as model_name,
        usage_lines.usage_date,
        coalesce({{ stated_tier('usage_lines', ['', 'auto', 'standard']) }}, 'default')
            as service_tier
    from usage_lines
    inner join names
        on usage_lines.reported_model = names.model_written
    where names.price_model_name is not null

),

single as (

    select
        model_name,
        usage_date,
        max(service_tier) as service_tier
    from stated
    group by 1, 2
    having count(distinct service_tier) = 1

)

select * from single
