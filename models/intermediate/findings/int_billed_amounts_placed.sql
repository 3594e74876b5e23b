-- One row per billed amount from which a price can be told, of the days that are
-- rebuilt: a billed request, or a line of a cost export for text tokens of one class.
-- Amounts of $0 stay to be counted.

with

requests as (

    select * from {{ ref('int_billed_requests_summed') }}
    where
        is_amount_known
        and not is_priced_from_list
        and coalesce(fee_usd, 0) = 0

),

cost_lines as (

    select * from {{ ref('int_cost_lines_placed') }}
    where
        charge_kind = 'usage'
        and modality = 'text'
        and token_class in ('input', 'cached_input', 'cache_write', 'output')
        and quantity_unit = 'tokens'
        and quantity = floor(quantity)

),

line_items as (

    select * from {{ ref('int_line_items_split') }}

),

names as (

    select * from {{ ref('int_models_named') }}

),

tiers as (

    select * from {{ ref('int_tiers_reported') }}

),

rebuilt_days as (

    select * from {{ ref('int_days_to_rebuild') }}

),

items as (

    select
        *,
        cast(quantity as bigint) as tokens
    from cost_lines

),

placed as (

    select
        'request' as bill_grain,
        requests.price_model_name as model_name,
        requests.billed_date as usage_date,
        'all' as token_class,
        coalesce({{ stated_tier('requests', ['', 'auto', 'standard']) }}, 'default')
            as service_tier,
        coalesce(requests.region, '') <> '' as is_regional,
        requests.input_tokens as context_tokens,
        requests.input_tokens,
        coalesce(requests.cached_input_tokens, 0) as cached_input_tokens,
        coalesce(requests.cache_write_tokens, 0) as cache_write_tokens,
        requests.output_tokens,
        requests.billed_usd
    from requests

    union all

    -- an item sums many calls: as elsewhere, all have the lowest context tier's price
    select
        'bucket' as bill_grain,
        names.price_model_name as model_name,
        items.usage_date,
        items.token_class,
        coalesce(tiers.service_tier, 'default') as service_tier,
        false as is_regional,
        cast(0 as bigint) as context_tokens,
        case when items.token_class <> 'output' then items.tokens else 0 end
            as input_tokens,
        case when items.token_class = 'cached_input' then items.tokens else 0 end
            as cached_input_tokens,
        case when items.token_class = 'cache_write' then items.tokens else 0 end
            as cache_write_tokens,
        case when items.token_class = 'output' then items.tokens else 0 end
            as output_tokens,
        items.amount_usd as billed_usd
    from items
    inner join line_items
        on items.line_item = line_items.line_item
    inner join names
        on line_items.billed_model = names.model_written
    left join tiers
        on
            names.price_model_name = tiers.model_name
            and items.usage_date = tiers.usage_date

),

-- tokens that are unknown, or more than the whole, tell no price
counted as (

    select placed.*
    from placed
    inner join rebuilt_days
        on placed.usage_date = rebuilt_days.usage_date
    where
        placed.model_name is not null
        and placed.billed_usd >= 0
        and placed.billed_usd < 1000000000
        and placed.input_tokens + placed.output_tokens > 0
        and placed.input_tokens
        between placed.cached_input_tokens + placed.cache_write_tokens
        and 999999999999
        and placed.output_tokens between 0 and 999999999999
        and placed.cached_input_tokens >= 0
        and placed.cache_write_tokens >= 0

)

select * from counted
