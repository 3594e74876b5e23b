-- One row per price day that differs from the list, with the prices proposed for it and
-- the farthest that they are from any of its amounts, in decimals.
-- A table, because it is small and holds what reading every amount again has shown.

{{ config(materialized='table') }}

with

amounts as (

    select * from {{ ref('int_billed_amounts_placed') }}
    where billed_usd > 0

),

proposed as (

    select * from {{ ref('int_price_days_snapped') }}

),

repriced as (

    select
        proposed.price_day_id,
        proposed.determinant,
        proposed.usd_per_input_token,
        proposed.usd_per_cached_input_token,
        proposed.usd_per_cache_write_token,
        proposed.usd_per_output_token,
        cast(
            amounts.billed_usd - {{ list_price_usd('amounts', 'proposed') }}
            as decimal(30, 18)
        ) as residual_usd
    from amounts
    inner join proposed
        on
            amounts.bill_grain = proposed.bill_grain
            and amounts.model_name = proposed.model_name
            and amounts.usage_date = proposed.usage_date
            and amounts.token_class = proposed.token_class
            and amounts.service_tier = proposed.service_tier
            and amounts.is_regional = proposed.is_regional
            and amounts.context_tokens >= proposed.min_input_tokens
            and amounts.context_tokens < proposed.next_min_input_tokens

),

proofs as (

    select
        price_day_id,
        max(determinant) as determinant,
        max(usd_per_input_token) as usd_per_input_token,
        max(usd_per_cached_input_token) as usd_per_cached_input_token,
        max(usd_per_cache_write_token) as usd_per_cache_write_token,
        max(usd_per_output_token) as usd_per_output_token,
        case when count(residual_usd) = count(*) then max(abs(residual_usd)) end
            as max_residual_usd
    from repriced
    group by 1

)

select * from proofs
