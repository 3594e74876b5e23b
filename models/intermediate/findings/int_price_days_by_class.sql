-- One row per price day and token class with tokens, and one for all of them together.

with

price_days as (

    select * from {{ ref('int_price_days_judged') }}

),

token_classes as (

    select 'input' as token_class
    union all
    select 'cached_input' as token_class
    union all
    select 'cache_write' as token_class
    union all
    select 'output' as token_class
    union all
    select 'all' as token_class

),

request_days as (

    select distinct
        model_name,
        usage_date
    from price_days
    where bill_grain = 'request'

),

-- where both kinds of bill charge a model's day, the one by request says more
chosen_days as (

    select price_days.*
    from price_days
    left join request_days
        on
            price_days.model_name = request_days.model_name
            and price_days.usage_date = request_days.usage_date
    where price_days.bill_grain = 'request' or request_days.model_name is null

),

classes as (

    select
        chosen_days.bill_grain,
        chosen_days.model_name,
        chosen_days.usage_date,
        chosen_days.service_tier,
        chosen_days.is_regional,
        chosen_days.min_input_tokens,
        token_classes.token_class,
        chosen_days.is_at_list,
        chosen_days.is_within_context_tiers,
        chosen_days.amount_count,
        chosen_days.billed_usd as day_usd,
        chosen_days.why_not,
        case token_classes.token_class
            when 'input' then chosen_days.uncached_tokens
            when 'cached_input' then chosen_days.cached_input_tokens
            when 'cache_write' then chosen_days.cache_write_tokens
            when 'output' then chosen_days.output_tokens
            else
                chosen_days.uncached_tokens
                + chosen_days.cached_input_tokens
                + chosen_days.cache_write_tokens
                + chosen_days.output_tokens
        end as token_quantity,
        case token_classes.token_class
            when 'input' then chosen_days.usd_per_input_token
            when 'cached_input' then chosen_days.usd_per_cached_input_token
            when 'cache_write' then chosen_days.usd_per_cache_write_token
            when 'output' then chosen_days.usd_per_output_token
        end as listed_usd_per_token,
        case token_classes.token_class
            when 'input' then chosen_days.implied_usd_per_input_token
            when 'cached_input' then chosen_days.implied_usd_per_cached_input_token
            when 'cache_write' then chosen_days.implied_usd_per_cache_write_token
            when 'output' then chosen_days.implied_usd_per_output_token
        end as implied_usd_per_token
    from chosen_days
    inner join token_classes
        on
            chosen_days.token_class = token_classes.token_class
            or chosen_days.token_class = 'all'

)

select * from classes
where token_quantity > 0
