-- One row per bucket of a rebuilt day that a cost export bills: what of the bill goes
-- to its calls, and what no call of ours explains.
-- A table, because it is small and its calls and its own row are made from it.

{{ config(materialized='table') }}

with

buckets as (

    select judged.*
    from {{ ref('int_days_judged') }} as judged
    inner join {{ ref('int_days_to_rebuild') }} as rebuilt_days
        on {{ day_key('judged.usage_date') }} = rebuilt_days.usage_date
    where judged.remainder_issuer is not null

),

-- where a cost export charges nothing for a model, no call of it has a bill to share
shared_buckets as (

    select
        usage_date,
        project_id,
        model
    from buckets
    where is_charged or remainder_usd <> 0

),

calls as (

    select sides.*
    from {{ ref('int_sides_placed') }} as sides
    inner join shared_buckets
        on
            sides.usage_date = shared_buckets.usage_date
            and sides.project_id = shared_buckets.project_id
            and sides.bucket_model = shared_buckets.model

),

summed_calls as (

    select
        usage_date,
        project_id,
        bucket_model,
        count(*) as call_count,
        count(*) filter (where is_known) as known_count,
        cast(coalesce(sum(listed_usd), 0) as decimal(30, 18)) as expected_usd,
        cast(sum(weight_usd) as decimal(30, 18)) as weight_usd,
        max(weight_usd) as largest_weight_usd
    from calls
    group by 1, 2, 3

),

joined as (

    select
        buckets.*,
        coalesce(summed_calls.call_count, 0) as call_count,
        coalesce(summed_calls.known_count, 0) as known_count,
        summed_calls.expected_usd as calls_expected_usd,
        summed_calls.weight_usd,
        summed_calls.largest_weight_usd,
        cast(
            case
                when summed_calls.call_count is null then buckets.remainder_usd
                -- tokens beyond our log are not our calls'
                when buckets.token_difference_usd > 0
                    then least(buckets.token_difference_usd, buckets.remainder_usd)
                else 0
            end as decimal(30, 18)
        ) as unlogged_usd
    from buckets
    left join summed_calls
        on
            buckets.usage_date = summed_calls.usage_date
            and buckets.project_id = summed_calls.project_id
            and buckets.model = summed_calls.bucket_model

),

split as (

    select
        *,
        cast(remainder_usd - unlogged_usd as decimal(30, 18)) as shared_usd,
        -- calls without any weight have equal ones, the unknown among them none
        coalesce(weight_usd, 0) = 0 as is_shared_equally,
        cast(
            case
                when weight_usd <> 0 then weight_usd
                when known_count > 0 then known_count
                else call_count
            end as decimal(30, 18)
        ) as total_weight,
        cast(
            case when weight_usd <> 0 then largest_weight_usd else 1 end
            as decimal(30, 18)
        ) as largest_weight
    from joined

)

select * from split
