-- One row per pair that differs, with the tokens that count (the bill's before ours)
-- and their list price.

with

pairs as (

    select
        *,
        case
            when is_counted_by_bill then billed_input_tokens else logged_input_tokens
        end as input_tokens,
        case
            when is_counted_by_bill then billed_cached_input_tokens
            else logged_cached_input_tokens
        end as cached_input_tokens,
        case
            when is_counted_by_bill then billed_cache_write_tokens
            else logged_cache_write_tokens
        end as cache_write_tokens,
        case
            when is_counted_by_bill then billed_output_tokens
            else logged_output_tokens
        end as output_tokens,
        is_counted_by_bill
        and (
            logged_input_tokens <> billed_input_tokens
            or logged_output_tokens <> billed_output_tokens
            or (
                logged_cached_input_tokens <> 0
                and logged_cached_input_tokens
                <> coalesce(billed_cached_input_tokens, 0)
            )
            or (
                logged_cache_write_tokens <> 0
                and logged_cache_write_tokens
                <> coalesce(billed_cache_write_tokens, 0)
            )
        ) as is_counted_otherwise,
        coalesce(
            is_counted_by_bill
            and line_count > 1
            and billed_input_tokens = line_count * logged_input_tokens
            and billed_output_tokens = line_count * logged_output_tokens
            and coalesce(billed_cached_input_tokens, 0)
            = line_count * coalesce(logged_cached_input_tokens, 0)
            and coalesce(billed_cache_write_tokens, 0)
            = line_count * coalesce(logged_cache_write_tokens, 0),
            false
        ) as is_billed_repeatedly
    from {{ ref('int_pairs_differing') }}

),

prices as (

    select * from {{ ref('int_prices_in_force') }}

),

priced_pairs as (

    select
        pairs.*,
        coalesce(prices.min_input_tokens, 0) as min_input_tokens,
        cast(
            case
                when pairs.is_billed then {{ list_price_usd('pairs', 'prices') }}
                else pairs.listed_usd
            end
            as decimal(30, 18)
        ) as expected_usd
    from pairs
    left join prices
        on
            pairs.price_model_name = prices.model_name
            and pairs.priced_at >= prices.valid_from
            and pairs.priced_at < prices.valid_to
            and pairs.input_tokens >= prices.min_input_tokens
            and pairs.input_tokens < prices.next_min_input_tokens

)

select * from priced_pairs
