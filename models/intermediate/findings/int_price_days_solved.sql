-- One row per price day that differs from the list: by how much each token class's
-- price would, by least squares.
-- The matrix is scaled to a diagonal of 1, so that its determinant is between 0 (one
-- class's tokens follow from the others') and 1. A class without tokens is a row of the
-- unit matrix, which leaves the others alone and is itself no unknown.

with

sums as (

    select * from {{ ref('int_price_days_summed') }}

),

sizes as (

    select
        *,
        nullif(sqrt(uncached_uncached), 0) as size1,
        nullif(sqrt(cached_cached), 0) as size2,
        nullif(sqrt(written_written), 0) as size3,
        nullif(sqrt(output_output), 0) as size4
    from sums

),

-- what is not on the diagonal of the matrix, and the right side
scaled as (

    select
        price_day_id,
        size1,
        size2,
        size3,
        size4,
        coalesce(uncached_cached / size1 / size2, 0) as m12,
        coalesce(uncached_written / size1 / size3, 0) as m13,
        coalesce(uncached_output / size1 / size4, 0) as m14,
        coalesce(cached_written / size2 / size3, 0) as m23,
        coalesce(cached_output / size2 / size4, 0) as m24,
        coalesce(written_output / size3 / size4, 0) as m34,
        coalesce(uncached_deviation / size1, 0) as right1,
        coalesce(cached_deviation / size2, 0) as right2,
        coalesce(written_deviation / size3, 0) as right3,
        coalesce(output_deviation / size4, 0) as right4
    from sizes

),

-- determinants of two rows and two columns: of the upper rows, and of the lower
minors as (

    select
        *,
        1 - m12 * m12 as upper12,
        m23 - m12 * m13 as upper13,
        m24 - m12 * m14 as upper14,
        m12 * m23 - m13 as upper23,
        m12 * m24 - m14 as upper24,
        m13 * m24 - m14 * m23 as upper34,
        m13 * m24 - m14 * m23 as lower12,
        m13 * m34 - m14 as lower13,
        m13 - m14 * m34 as lower14,
        m23 * m34 - m24 as lower23,
        m23 - m24 * m34 as lower24,
        1 - m34 * m34 as lower34
    from scaled

),

determined as (

    select
        *,
        upper12 * lower34 - upper13 * lower24 + upper14 * lower23
        + upper23 * lower14 - upper24 * lower13 + upper34 * lower12 as determinant
    from minors

),

-- the cofactors of the matrix, which is symmetric
inverted as (

    select
        *,
        lower34 - m23 * lower24 + m24 * lower23 as c11,
        m13 * lower24 - m12 * lower34 - m14 * lower23 as c12,
        m24 * upper34 - m34 * upper24 + upper23 as c13,
        upper24 - m23 * upper34 - m34 * upper23 as c14,
        lower34 - m13 * lower14 + m14 * lower13 as c22,
        m34 * upper14 - m14 * upper34 - upper13 as c23,
        m13 * upper34 - upper14 + m34 * upper13 as c24,
        m14 * upper24 - m24 * upper14 + upper12 as c33,
        m23 * upper14 - m13 * upper24 - m34 * upper12 as c34,
        m13 * upper23 - m23 * upper13 + upper12 as c44
    from determined

),

-- USD per 1M tokens; nothing where the determinant is only the rounding of doubles
weighted as (

    select
        *,
        1000000 / case when determinant > 1e-12 then determinant end as per_1m
    from inverted

),

solved as (

    select
        price_day_id,
        determinant,
        (c11 * right1 + c12 * right2 + c13 * right3 + c14 * right4) / size1
        * per_1m as uncached_per_1m,
        (c12 * right1 + c22 * right2 + c23 * right3 + c24 * right4) / size2
        * per_1m as cached_per_1m,
        (c13 * right1 + c23 * right2 + c33 * right3 + c34 * right4) / size3
        * per_1m as written_per_1m,
        (c14 * right1 + c24 * right2 + c34 * right3 + c44 * right4) / size4
        * per_1m as output_per_1m
    from weighted

)

select * from solved
