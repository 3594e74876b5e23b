-- One row per logged call, with its logged amount: the log's own, or the list price of
-- its tokens for a provider call that was logged without a cost.
-- A table, so that every later step sees the same calls: the application may go on
-- logging into its own table while we compare.

{{ config(
    materialized='table',
    meta={'unique_texts': ['usage_id', 'request_id']}
) }}

with

calls as (

    select * from {{ ref('int_calls_to_read') }}

),

names as (

    select * from {{ ref('int_models_named') }}

),

non_api_actions as (

    select * from {{ ref('non_api_actions') }}

),

prices as (

    select * from {{ ref('int_prices_in_force') }}

),

named as (

    select
        calls.*,
        names.model,
        names.price_model_name,
        non_api_actions.action_type is null as is_provider_call
    from calls
    left join names
        on calls.logged_model = names.model_written
    left join non_api_actions
        on calls.action_type = non_api_actions.action_type

),

priced as (

    select
        named.*,
        {{ list_price_usd('named', 'prices') }} as listed_usd
    from named
    left join prices
        on
            named.price_model_name = prices.model_name
            and named.logged_at >= prices.valid_from
            and named.logged_at < prices.valid_to
            and named.input_tokens >= prices.min_input_tokens
            and named.input_tokens < prices.next_min_input_tokens

),

based as (

    select
        usage_id,
        request_id,
        file_id,
        user_id,
        {{ project_key('project_id') }} as project_id,
        action_type,
        is_provider_call,
        logged_at,
        usage_date,
        logged_model,
        model,
        price_model_name,
        service_tier,
        is_batch,
        region,
        input_tokens,
        cached_input_tokens,
        cache_write_tokens,
        output_tokens,
        reasoning_tokens,
        stated_usd,
        listed_usd,
        cast(
            case
                when stated_usd is not null then stated_usd
                when is_provider_call then listed_usd
            end
            as decimal(30, 18)
        ) as logged_usd,
        case
            when stated_usd is not null then 'calculated'
            when is_provider_call and listed_usd is not null then 'price_list'
        end as logged_cost_basis
    from priced

)

select * from based
