-- Every dollar that a bill states is in exactly one row of reconciled_requests, except
-- lines that repeat another or that a later file restates. A dollar lost here would be
-- a dollar nobody asks the provider about.

with

files as (

    select
        cast(sum(accepted_usd - duplicate_usd - superseded_usd) as decimal(30, 18))
            as stated_usd
    from {{ ref('loaded_files') }}
    where grain = 'request'

),

listed as (

    select cast(sum(amount_usd) as decimal(30, 18)) as listed_usd
    from {{ ref('int_bill_lines_priced') }}
    where stated_usd is null

),

reconciled as (

    select cast(sum(billed_usd) as decimal(30, 18)) as billed_usd
    from {{ ref('reconciled_requests') }}

)

select
    files.stated_usd,
    listed.listed_usd,
    reconciled.billed_usd
from files
cross join listed
cross join reconciled
where
    coalesce(files.stated_usd, 0) + coalesce(listed.listed_usd, 0)
    <> coalesce(reconciled.billed_usd, 0)
