{#
    The rows of a relation that this build reads: those of the days to read, and those of other
    days that share a request id with one of them. All of them where every day is built.
#}
{% macro rows_to_read(relation, moment, usage_date) -%}
{%- if is_whole_build() -%}
select * from {{ relation }}
{%- else -%}
select own.*
from {{ relation }} as own
inner join {{ ref('int_days_to_read') }} as read_days
    on {{ day_key('own.' ~ usage_date) }} = read_days.usage_date
where {{ within_days('own.' ~ moment, 'int_days_to_read') }}

union all

select own.*
from {{ relation }} as own
inner join {{ ref('int_request_ids_to_read') }} as read_ids
    on
        own.request_id = read_ids.request_id
        and {{ day_key('own.' ~ usage_date) }} = read_ids.usage_date
where {{ within_days('own.' ~ moment, 'int_request_ids_to_read') }}
{%- endif -%}
{%- endmacro %}
