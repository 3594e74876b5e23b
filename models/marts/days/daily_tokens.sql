-- One row per UTC day, project, model, token class and unit that any side counts.

with

quantities as (

    select * from {{ ref('int_quantities_completed') }}

),

final as (

    select
        usage_date,
        project_id,
        model,
        token_class,
        quantity_unit,
        cast(logged_quantity as decimal(38, 18)) as logged_quantity,
        cast(reported_quantity as decimal(38, 18)) as reported_quantity,
        cast(billed_quantity as decimal(38, 18)) as billed_quantity,
        cast(reported_quantity - logged_quantity as decimal(38, 18))
            as logged_difference,
        -- the bill against the provider's count, or against ours where there is none
        cast(
            billed_quantity - coalesce(reported_quantity, logged_quantity)
            as decimal(38, 18)
        ) as billed_difference
    from quantities

)

select * from final
