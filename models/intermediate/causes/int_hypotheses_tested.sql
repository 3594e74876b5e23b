-- One row per amount to explain and hypothesis that reproduces it: that gives it to a
-- billionth of a dollar, and not the list price, which needs no explanation. Doubles
-- choose the few candidates that decimals then prove.
-- A table, because it is small and the next step asks it twice.

{{ config(materialized='table') }}

with

hypotheses as (

    select * from {{ ref('int_hypotheses_factored') }}

),

prices as (

    select
        *,
        {{ estimates(
            ['amount_usd', 'listed_usd', 'fee_usd']
            + classes_counted_otherwise().values() | list
        ) }}
    from {{ ref('int_errors_priced') }}

),

likely as (

    select
        prices.error_key,
        prices.side,
        prices.amount_usd,
        prices.expected_usd,
        hypotheses.cause,
        hypotheses.evidence_class,
        hypotheses.rounding,
        {{ hypothesis_usd('hypotheses', 'prices') }} as hypothesis_usd
    from prices
    inner join hypotheses
        on
            prices.price_row = hypotheses.price_row
            and prices.side = hypotheses.side
            and abs(
                {{ hypothesis_estimate('hypotheses', 'prices') }}
                - prices.amount_usd_estimate
            )
            <= hypotheses.slack + 0.000000000001 * abs(prices.amount_usd_estimate)
            and prices.input_tokens >= hypotheses.min_input_tokens
            and prices.priced_at >= hypotheses.valid_from
            and prices.priced_at < hypotheses.valid_to
            and case hypotheses.fact
                when 'service_tier' then prices.service_tier = hypotheses.service_tier
                when 'region' then prices.region is not null
                when 'fee' then prices.fee_usd <> 0
                when 'uncounted_day' then prices.is_uncounted_day
                when 'repeated_lines' then prices.is_billed_repeatedly
                -- a tier that the row does not state, on a row that states none
                else
                    hypotheses.service_tier is null
                    or (
                        prices.service_tier is null
                        and (
                            hypotheses.service_tier <> 'batch'
                            or prices.is_batch is null
                        )
                    )
            end

),

rounded as (

    select
        error_key,
        side,
        amount_usd,
        expected_usd,
        cause,
        evidence_class,
        case
            -- of two scales DuckDB would keep neither: it has 38 digits in all
            when rounding = 'cent'
                then cast(round(hypothesis_usd, 2) as decimal(30, 18))
            else hypothesis_usd
        end as hypothesis_usd
    from likely

),

reproducing as (

    select distinct
        error_key,
        side,
        cause,
        evidence_class
    from rounded
    where
        abs(hypothesis_usd - amount_usd) <= {{ noise_usd() }}
        and abs(hypothesis_usd - expected_usd) > {{ noise_usd() }}

)

select * from reproducing
