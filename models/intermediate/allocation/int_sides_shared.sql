-- One row per logged call, and per billed request that no log explains, and for a call
-- that shares a bucket's bill, its share before what rounding leaves over: its list
-- price, and its part of the rest of the bill.

with

sides as (

    select * from {{ ref('int_sides_placed') }}

),

remainders as (

    select
        *,
        cast(shared_usd - calls_expected_usd as decimal(30, 18)) as residual_usd,
        1 / cast(nullif(total_weight, 0) as {{ type_double() }}) as ratio_per_weight
    from {{ ref('int_remainders_split') }}
    where call_count > 0

),

weighed as (

    select
        sides.*,
        remainders.bucket_number,
        remainders.residual_usd,
        remainders.largest_weight,
        remainders.total_weight,
        remainders.ratio_per_weight,
        cast(
            case
                when not remainders.is_shared_equally then sides.weight_usd
                when sides.is_known or remainders.known_count = 0 then 1
                else 0
            end as decimal(30, 18)
        ) as weight
    from sides
    left join remainders
        on
            sides.usage_date = remainders.usage_date
            and sides.project_id = remainders.project_id
            and sides.bucket_model = remainders.model

),

-- doubles are quick and 15 digits right, so the 12th decimal is one of these two
bounded as (

    select
        *,
        cast(
            cast(weight as {{ type_double() }}) * ratio_per_weight - 0.00000000000001
            as decimal(13, 12)
        ) as lower_ratio,
        cast(
            cast(weight as {{ type_double() }}) * ratio_per_weight + 0.00000000000001
            as decimal(13, 12)
        ) as upper_ratio
    from weighed

),

-- where they differ, the upper one is right if the half between them times the whole is
-- at most the part; digits for that are left below a million
rounded as (

    select
        *,
        case
            when lower_ratio = upper_ratio or total_weight >= 1000000 then lower_ratio
            when
                cast(lower_ratio + 0.0000000000005 as decimal(14, 13))
                * cast(total_weight as decimal(24, 18))
                <= cast(weight as decimal(38, 31))
                then upper_ratio
            else lower_ratio
        end as ratio
    from bounded

),

shared as (

    select
        *,
        coalesce(weight = largest_weight, false) as is_largest,
        cast(
            coalesce(listed_usd, 0)
            + case
                when residual_usd = 0 then 0
                when abs(residual_usd) < 1000000
                    then round(cast(residual_usd as decimal(24, 18)) * ratio, 18)
                -- so large a rest has fewer decimals, and the largest call the others
                when abs(residual_usd) >= 1000000
                    then round(cast(residual_usd as decimal(25, 12)) * ratio, 18)
            end
            as decimal(30, 18)
        ) as share_usd
    from rounded

)

select * from shared
