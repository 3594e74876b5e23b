-- One row per amount to explain that nothing about its own model reproduces, but the
-- price of another model does. Doubles choose the few prices that decimals then prove.

with

errors as (

    select * from {{ ref('int_errors_to_explain') }}

),

reproducing as (

    select * from {{ ref('int_hypotheses_tested') }}

),

hypotheses as (

    select * from {{ ref('pricing_hypotheses') }}
    where price_row = 'other_model'

),

-- models of one price are one
prices as (

    select distinct
        valid_from,
        valid_to,
        min_input_tokens,
        next_min_input_tokens,
        usd_per_input_token,
        usd_per_cached_input_token,
        usd_per_cache_write_token,
        usd_per_output_token,
        cast(usd_per_input_token as {{ type_double() }}) as input_rate,
        cast(usd_per_cached_input_token as {{ type_double() }}) as cached_input_rate,
        cast(usd_per_cache_write_token as {{ type_double() }}) as cache_write_rate,
        cast(coalesce(usd_per_output_token, 0) as {{ type_double() }}) as output_rate
    from {{ ref('int_prices_in_force') }}
    where usd_per_input_token > 0

),

unexplained as (

    select
        errors.*,
        cast(errors.uncached_input_tokens as {{ type_double() }}) as uncached_count,
        cast(errors.cached_input_tokens as {{ type_double() }}) as cached_count,
        cast(errors.cache_write_tokens as {{ type_double() }}) as cache_write_count,
        cast(errors.output_tokens as {{ type_double() }}) as output_count,
        cast(errors.amount_usd as {{ type_double() }}) as amount
    from errors
    left join reproducing
        on
            errors.error_key = reproducing.error_key
            and errors.side = reproducing.side
    where reproducing.error_key is null and errors.amount_usd <> 0

),

likely as (

    select
        unexplained.*,
        prices.usd_per_input_token,
        prices.usd_per_cached_input_token,
        prices.usd_per_cache_write_token,
        prices.usd_per_output_token
    from unexplained
    inner join prices
        on
            abs(
                unexplained.uncached_count * prices.input_rate
                + unexplained.cached_count * prices.cached_input_rate
                + unexplained.cache_write_count * prices.cache_write_rate
                + unexplained.output_count * prices.output_rate
                - unexplained.amount
            )
            <= 0.00000001 + 0.000000000001 * abs(unexplained.amount)
            and unexplained.priced_at >= prices.valid_from
            and unexplained.priced_at < prices.valid_to
            and unexplained.input_tokens >= prices.min_input_tokens
            and unexplained.input_tokens < prices.next_min_input_tokens

),

priced as (

    select
        *,
        cast(
            {{ token_cost_usd('uncached_input_tokens', 'usd_per_input_token') }}
            + {{ token_cost_usd(
                'cached_input_tokens', 'usd_per_cached_input_token'
            ) }}
            + {{ token_cost_usd('cache_write_tokens', 'usd_per_cache_write_token') }}
            + {{ token_cost_usd('output_tokens', 'usd_per_output_token') }}
            as decimal(30, 18)
        ) as hypothesis_usd
    from likely

),

proven as (

    select distinct
        priced.error_key,
        priced.side,
        hypotheses.cause,
        hypotheses.evidence_class
    from priced
    inner join hypotheses
        on priced.side = coalesce(hypotheses.side, priced.side)
    where
        abs(priced.hypothesis_usd - priced.amount_usd) <= {{ noise_usd() }}
        and abs(priced.hypothesis_usd - priced.expected_usd) > {{ noise_usd() }}

)

select * from proven
