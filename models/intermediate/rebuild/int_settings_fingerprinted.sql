-- One row: a number that changes with what every row depends on: a row of a seed that
-- people edit, a variable, a model of this project.

with

seed_rows as (

    {{ hashed_rows([
        'ai_model_pricing', 'line_item_classes', 'line_items', 'model_aliases',
        'non_api_actions', 'pricing_hypotheses', 'service_tiers', 'usage_kinds',
        'usage_measures', 'variance_causes'
    ]) }}

),

seeds as (

    select
        seed_name,
        sum(row_hash) as seed_hash,
        '{{ settings_hash() }}' as settings_hash
    from seed_rows
    group by 1

),

fingerprinted as (

    select
        cast(
            sum({{ row_hash(['seed_name', 'seed_hash', 'settings_hash']) }})
            as decimal(38, 0)
        ) as fingerprint
    from seeds

)

select * from fingerprinted
