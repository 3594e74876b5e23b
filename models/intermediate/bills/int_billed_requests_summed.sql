-- One row per billed request: per issuer and request id, or per line without an id.
-- A table, because it is read again and again and the windows behind it are dear. The
-- line that speaks for a request gives it its key (load and line) and model.

{{ config(
    materialized='table',
    meta={'unique_texts': ['request_id']}
) }}

with

single_lines as (

    select
        load_number,
        line_number,
        issuer,
        request_id,
        case
            when request_id is null
                then
                    'line:'
                    || file_id
                    || ':'
                    || cast(line_number as {{ dbt.type_string() }})
        end as line_key,
        is_first_issuer,
        billed_at,
        cast(billed_at as date) as billed_date,
        billed_model,
        model,
        price_model_name,
        service_tier,
        is_batch,
        region,
        -- a refund gives money back, not tokens
        case when not is_refund then input_tokens end as input_tokens,
        case when not is_refund then cached_input_tokens end as cached_input_tokens,
        case when not is_refund then cache_write_tokens end as cache_write_tokens,
        case when not is_refund then output_tokens end as output_tokens,
        case when not is_refund then reasoning_tokens end as reasoning_tokens,
        amount_usd as billed_usd,
        cast(fee_usd as decimal(30, 18)) as fee_usd,
        -- what of it no line states
        case when stated_usd is null then amount_usd end as listed_usd,
        -- money that was given back: what is left is no price of the tokens
        coalesce(amount_usd < 0, false) as is_credited,
        -- lines that count its tokens
        cast(1 as decimal(9, 0)) as line_count,
        stated_usd is null as is_priced_from_list,
        amount_usd is not null as is_amount_known
    from {{ ref('int_bill_lines_priced') }}
    where not is_repeated

),

-- the line that speaks for its request: largest amount, then most tokens, then first
ranked_lines as (

    select
        *,
        row_number() over (
            partition by issuer, request_id
            order by
                amount_usd desc nulls last,
                coalesce(input_tokens, 0) + coalesce(output_tokens, 0) desc,
                load_number asc,
                line_number asc
        ) as line_rank
    from {{ ref('int_bill_lines_priced') }}
    where is_repeated

),

summed_lines as (

    select
        max(case when line_rank = 1 then load_number end) as load_number,
        max(case when line_rank = 1 then line_number end) as line_number,
        issuer,
        request_id,
        -- several lines are only one request's where they have its id
        cast(null as {{ dbt.type_string() }}) as line_key,
        bool_and(is_first_issuer) as is_first_issuer,
        min(billed_at) as billed_at,
        cast(min(billed_at) as date) as billed_date,
        max(case when line_rank = 1 then billed_model end) as billed_model,
        max(case when line_rank = 1 then model end) as model,
        max(case when line_rank = 1 then price_model_name end) as price_model_name,
        max(case when line_rank = 1 then service_tier end) as service_tier,
        bool_or(is_batch) filter (where line_rank = 1) as is_batch,
        max(case when line_rank = 1 then region end) as region,
        {{ fitting_tokens('sum(input_tokens) filter (where not is_refund)') }}
            as input_tokens,
        {{ fitting_tokens('sum(cached_input_tokens) filter (where not is_refund)') }}
            as cached_input_tokens,
        {{ fitting_tokens('sum(cache_write_tokens) filter (where not is_refund)') }}
            as cache_write_tokens,
        {{ fitting_tokens('sum(output_tokens) filter (where not is_refund)') }}
            as output_tokens,
        {{ fitting_tokens('sum(reasoning_tokens) filter (where not is_refund)') }}
            as reasoning_tokens,
        cast(sum(amount_usd) as decimal(30, 18)) as billed_usd,
        cast(sum(fee_usd) as decimal(30, 18)) as fee_usd,
        cast(
            sum(case when stated_usd is null then amount_usd end) as decimal(30, 18)
        ) as listed_usd,
        coalesce(bool_or(amount_usd < 0), false) as is_credited,
        cast(count(*) filter (where not is_refund) as decimal(9, 0)) as line_count,
        bool_or(stated_usd is null) as is_priced_from_list,
        bool_and(amount_usd is not null) as is_amount_known
    from ranked_lines
    group by 3, 4

),

-- the sums have the types of the lines: else each single line would be cast to theirs
both_kinds as (

    select * from single_lines

    union all

    select * from summed_lines

)

select * from both_kinds
