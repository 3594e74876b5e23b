-- One row per logged call, and per billed request that no log explains, of the days
-- that are rebuilt, and for a call that no request-level bill charges, the model of its
-- bucket and its weight in it.

with

sides as (

    select * from {{ ref('int_sides_joined') }}

),

rebuilt_days as (

    select * from {{ ref('int_days_to_rebuild') }}

),

ungrouped_days as (

    select * from {{ ref('int_ungrouped_days') }}

),

placed as (

    select
        sides.*,
        case
            when
                sides.is_logged
                and not sides.is_billed
                and sides.is_provider_call
                and not sides.is_duplicate_log
                then {{ bucket_model('sides.model', 'ungrouped_days') }}
        end as bucket_model,
        coalesce(sides.logged_usd, sides.listed_usd) is not null as is_known,
        -- more cached tokens than tokens make a negative price, which is no weight
        greatest(coalesce(sides.listed_usd, sides.logged_usd, 0), 0) as weight_usd
    from sides
    inner join rebuilt_days
        on {{ day_key('sides.usage_date') }} = rebuilt_days.usage_date
    left join ungrouped_days
        on
            sides.usage_date = ungrouped_days.usage_date
            and sides.project_id = ungrouped_days.project_id

)

select * from placed
