-- Every dollar that a bill states is in exactly one row of reconciled_requests, except
-- lines that repeat another, that another file restates, or of projects that are not
-- asked for. Where one issuer's cost export and request-level bill are of one day, the
-- cost export says what was charged. A dollar lost here would be a dollar nobody asks
-- the provider about.

with

files as (

    select
        cast(
            sum(accepted_usd - duplicate_usd - superseded_usd - excluded_usd)
            as decimal(30, 18)
        ) as stated_usd
    from {{ ref('loaded_files') }}
    where grain in ('request', 'cost_bucket')

),

listed as (

    select cast(sum(listed_usd) as decimal(30, 18)) as listed_usd
    from {{ ref('int_requests_summed_by_day') }}

),

-- in the cost export already
contained as (

    select cast(sum(billed_requests.request_usd) as decimal(30, 18)) as contained_usd
    from {{ ref('int_requests_summed_by_day') }} as billed_requests
    inner join {{ ref('int_bucket_days_covered') }} as covered_days
        on
            billed_requests.issuer = covered_days.issuer
            and billed_requests.usage_date = covered_days.usage_date
            and billed_requests.project_id = covered_days.project_id
    where covered_days.bucket_kind = 'costs'

),

reconciled as (

    select cast(sum(billed_usd) as decimal(30, 18)) as billed_usd
    from {{ ref('reconciled_requests') }}

)

select
    files.stated_usd,
    listed.listed_usd,
    contained.contained_usd,
    reconciled.billed_usd
from files
cross join listed
cross join contained
cross join reconciled
where
    coalesce(files.stated_usd, 0)
    + coalesce(listed.listed_usd, 0)
    - coalesce(contained.contained_usd, 0)
    <> coalesce(reconciled.billed_usd, 0)
