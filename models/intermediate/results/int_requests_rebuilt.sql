-- One row per row of reconciled_requests of the UTC days that this build makes anew.

with

rebuilt as (

    select reconciled.*
    from {{ ref('reconciled_requests') }} as reconciled
    inner join {{ ref('int_days_to_rebuild') }} as rebuilt_days
        on {{ day_key('reconciled.usage_date') }} = rebuilt_days.usage_date
    where {{ within_days('reconciled.usage_date', 'int_days_to_rebuild') }}

)

select * from rebuilt
