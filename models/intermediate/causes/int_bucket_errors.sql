-- One row per day, project and model that a cost export bills and calls share: what is
-- billed, and what that costs at list price, as a row of int_errors_to_explain.

with

buckets as (

    select
        *,
        -- what the provider counted, or else what we logged
        billed_requests = 0 and reported_usd is not null as is_reported
    from {{ ref('int_remainders_split') }}
    where call_count > 0

),

reported as (

    select
        usage_date,
        project_id,
        model,
        sum(case when token_class = 'input' then quantity else 0 end)
            as uncached_input_tokens,
        sum(case when token_class = 'cached_input' then quantity else 0 end)
            as cached_input_tokens,
        sum(case when token_class = 'cache_write' then quantity else 0 end)
            as cache_write_tokens,
        sum(case when token_class = 'output' then quantity else 0 end) as output_tokens
    from {{ ref('int_quantities_reported') }}
    where quantity_unit = 'tokens'
    group by 1, 2, 3

),

logged as (

    select * from {{ ref('int_calls_summed_by_day') }}

),

counted as (

    select
        buckets.*,
        case
            when buckets.is_reported then reported.uncached_input_tokens
            when buckets.billed_requests = 0 then logged.uncached_input_tokens
        end as uncached_input_tokens,
        case
            when buckets.is_reported then reported.cached_input_tokens
            when buckets.billed_requests = 0
                then coalesce(logged.cached_input_tokens, 0)
        end as cached_input_tokens,
        case
            when buckets.is_reported then reported.cache_write_tokens
            when buckets.billed_requests = 0 then coalesce(logged.cache_write_tokens, 0)
        end as cache_write_tokens,
        case
            when buckets.is_reported then reported.output_tokens
            when buckets.billed_requests = 0 then logged.output_tokens
        end as output_tokens
    from buckets
    left join reported
        on
            buckets.usage_date = reported.usage_date
            and buckets.project_id = reported.project_id
            and buckets.model = reported.model
    left join logged
        on
            buckets.usage_date = logged.usage_date
            and buckets.project_id = logged.project_id
            and buckets.model = logged.model

),

errors as (

    select
        'bucket:' || cast(bucket_number as {{ dbt.type_string() }}) as error_key,
        'bill' as side,
        model as price_model_name,
        cast(usage_date as timestamp) as priced_at,
        -- which of its calls reached a higher context tier cannot be known
        cast(0 as bigint) as input_tokens,
        cast(0 as bigint) as min_input_tokens,
        {{ fitting_tokens('uncached_input_tokens') }} as uncached_input_tokens,
        {{ fitting_tokens('cached_input_tokens') }} as cached_input_tokens,
        {{ fitting_tokens('cache_write_tokens') }} as cache_write_tokens,
        {{ fitting_tokens('output_tokens') }} as output_tokens,
        cast(null as bigint) as reasoning_tokens,
        cast(null as {{ dbt.type_string() }}) as service_tier,
        cast(null as boolean) as is_batch,
        cast(null as {{ dbt.type_string() }}) as region,
        reported_requests is null as is_uncounted_day,
        false as is_billed_repeatedly,
        cast(0 as decimal(30, 18)) as fee_usd,
        cast(null as decimal(30, 18)) as as_logged_usd,
        cast(
            case when is_reported then billed_usd else shared_usd end as decimal(30, 18)
        ) as amount_usd,
        cast(
            case
                when is_reported then reported_usd
                when expected_usd is not null then calls_expected_usd
            end as decimal(30, 18)
        ) as expected_usd
    from counted

)

select * from errors
