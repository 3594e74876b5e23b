-- One row per call that shares the bill of its bucket, with its share before what
-- rounding leaves over: its list price, and its part of the rest of the bill.

with

calls as (

    select * from {{ ref('int_calls_unbilled') }}

),

remainders as (

    select * from {{ ref('int_remainders_split') }}

),

weighed as (

    select
        calls.call_number,
        calls.usage_id,
        calls.bucket_number,
        calls.expected_usd,
        remainders.largest_weight,
        cast(
            remainders.shared_usd - remainders.calls_expected_usd as decimal(30, 18)
        ) as residual_usd,
        cast(
            case
                when not remainders.is_shared_equally then calls.weight_usd
                when calls.is_known or remainders.known_count = 0 then 1
                else 0
            end as decimal(30, 18)
        ) as weight,
        cast(remainders.total_weight as decimal(30, 18)) as total_weight
    from calls
    inner join remainders
        on calls.bucket_number = remainders.bucket_number

),

divided as (

    select
        *,
        cast(weight / total_weight as decimal(13, 12)) as quotient,
        -- what the multiplication below can hold
        total_weight < 1000000 as is_small
    from weighed

),

-- DuckDB divides decimals as doubles, which may round the last digit the other way:
-- the quotient is right where multiplying it by the whole comes to the part
rounded as (

    select
        call_number,
        usage_id,
        bucket_number,
        expected_usd,
        residual_usd,
        weight = largest_weight as is_largest,
        case
            when not is_small or residual_usd = 0 then quotient
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
        call_number,
        usage_id,
        bucket_number,
        is_largest,
        cast(
            expected_usd
            + case
                when abs(residual_usd) < 1000000
                    then
                        cast(
                            cast(residual_usd as decimal(24, 18)) * ratio
                            as decimal(30, 18)
                        )
                -- so large a rest has fewer decimals, and the largest call the others
                else
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
