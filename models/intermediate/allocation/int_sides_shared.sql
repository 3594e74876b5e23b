-- One row per logged call, and per billed request that no log explains, and for a call
-- that shares a bucket's bill, its share before what rounding leaves over: its list
-- price, and its part of the rest of the bill.

with

sides as (

    select * from {{ ref('int_sides_placed') }}

),

remainders as (

    select * from {{ ref('int_remainders_split') }}
    where call_count > 0

),

weighed as (

    select
        sides.*,
        remainders.bucket_number,
        remainders.largest_weight,
        cast(
            remainders.shared_usd - remainders.calls_expected_usd as decimal(30, 18)
        ) as residual_usd,
        cast(
            case
                when not remainders.is_shared_equally then sides.weight_usd
                when sides.is_known or remainders.known_count = 0 then 1
                else 0
            end as decimal(30, 18)
        ) as weight,
        remainders.total_weight
    from sides
    left join remainders
        on
            sides.usage_date = remainders.usage_date
            and sides.project_id = remainders.project_id
            and sides.bucket_model = remainders.model

),

-- DuckDB divides decimals as doubles, which at the edge between two digits may round
-- the other way; what the check multiplies has room below a million
divided as (

    select
        *,
        cast(weight / nullif(total_weight, 0) as decimal(13, 12)) as quotient,
        total_weight < 1000000
        and abs(
            weight / nullif(total_weight, 0) * 1000000000000
            - floor(weight / nullif(total_weight, 0) * 1000000000000)
            - 0.5
        )
        < 0.01 as is_at_edge
    from weighed

),

-- there the quotient is right where multiplying it by the whole comes to the part
rounded as (

    select
        *,
        case
            when not is_at_edge then quotient
            when
                cast(quotient + 0.0000000000005 as decimal(14, 13))
                * cast(total_weight as decimal(24, 18))
                <= cast(weight as decimal(38, 31))
                then cast(quotient + 0.000000000001 as decimal(13, 12))
            when
                cast(quotient - 0.0000000000005 as decimal(14, 13))
                * cast(total_weight as decimal(24, 18))
                > cast(weight as decimal(38, 31))
                then cast(quotient - 0.000000000001 as decimal(13, 12))
            else quotient
        end as ratio
    from divided

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
                    then
                        cast(
                            cast(residual_usd as decimal(24, 18)) * ratio
                            as decimal(30, 18)
                        )
                -- so large a rest has fewer decimals, and the largest call the others
                when abs(residual_usd) >= 1000000
                    then
                        cast(
                            cast(residual_usd as decimal(25, 12)) * ratio
                            as decimal(30, 18)
                        )
            end
            as decimal(30, 18)
        ) as share_usd
    from rounded

)

select * from shared
