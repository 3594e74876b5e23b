-- One row per day, project and model whose bill is what the usage export's lines cost
-- in the tiers that they state, as a row of int_hypotheses_tested.

with

usage_lines as (

    select
        *,
        {{ stated_tier('usage_lines') }} as stated_tier
    from {{ ref('int_usage_lines_placed') }} as usage_lines
    where usage_lines.is_call

),

tiers as (

    select * from {{ ref('service_tiers') }}

),

buckets as (

    select * from {{ ref('int_remainders_split') }}
    where call_count > 0 and billed_requests = 0 and reported_usd is not null

),

-- what each multiplier of a tier adds to the list price of a day
tier_effects as (

    select
        usage_lines.usage_date,
        usage_lines.project_id,
        usage_lines.day_model as model,
        tiers.service_tier,
        tiers.cause,
        tiers.multiplier,
        cast(
            sum(usage_lines.reported_usd) * (tiers.multiplier - 1) as decimal(30, 18)
        ) as effect_usd
    from usage_lines
    inner join tiers
        on
            usage_lines.stated_tier = tiers.service_tier
            and usage_lines.bucket_start >= tiers.valid_from
            and usage_lines.bucket_start
            < coalesce(tiers.valid_to, timestamp '9999-12-31')
    group by 1, 2, 3, 4, 5, 6

),

-- one tier, or two of them
combined as (

    select
        usage_date,
        project_id,
        model,
        cause,
        effect_usd
    from tier_effects

    union all

    select
        first_tiers.usage_date,
        first_tiers.project_id,
        first_tiers.model,
        case
            when first_tiers.cause = second_tiers.cause then first_tiers.cause
            else 'several'
        end as cause,
        first_tiers.effect_usd + second_tiers.effect_usd as effect_usd
    from tier_effects as first_tiers
    inner join tier_effects as second_tiers
        on
            first_tiers.usage_date = second_tiers.usage_date
            and first_tiers.project_id = second_tiers.project_id
            and first_tiers.model = second_tiers.model
            and first_tiers.service_tier < second_tiers.service_tier

),

tested as (

    select distinct
        'bucket:'
        || cast(buckets.bucket_number as {{ dbt.type_string() }}) as error_key,
        'bill' as side,
        combined.cause,
        1 as evidence_class
    from buckets
    inner join combined
        on
            buckets.usage_date = combined.usage_date
            and buckets.project_id = combined.project_id
            and buckets.model = combined.model
    where
        abs(combined.effect_usd) > {{ noise_usd() }}
        and abs(buckets.reported_usd + combined.effect_usd - buckets.billed_usd)
        <= {{ noise_usd() }}

)

select * from tested
