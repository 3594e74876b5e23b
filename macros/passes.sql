{#
    On DuckDB a model with the meta `is_made_in_passes` is filled by inserts of about as many rows
    as the variable rows_per_pass says: a join of more than memory holds is written to the disk and
    read again, which takes longer than all else. A pass is a span of whole UTC days, one at least;
    what has no date belongs to the first. Between passes the model's SQL only differs by two variables of the
    session, which in_pass reads where the rows come from.
#}
{% macro in_pass(moment, type='date') -%}
{{ return(adapter.dispatch('in_pass')(moment, type)) }}
{%- endmacro %}

{% macro default__in_pass(moment, type) -%}
true
{%- endmacro %}

{% macro duckdb__in_pass(moment, type) -%}
{%- set begin = "cast(getvariable('pass_begin') as " ~ type ~ ")" -%}
{%- set end = "cast(getvariable('pass_end') as " ~ type ~ ")" -%}
(
    ({{ begin }} is null or {{ moment }} >= {{ begin }})
    and (
        {{ end }} is null
        or {{ moment }} < {{ end }}
        or ({{ begin }} is null and {{ moment }} is null)
    )
)
{%- endmacro %}

{#
    The billed requests of a pass, each on the day of its call. Nearly all are billed on that day,
    so that what DuckDB stores of other days is passed over.
#}
{% macro billed_requests_in_pass() -%}
{{ return(adapter.dispatch('billed_requests_in_pass')(
    ref('int_billed_requests_keyed'), ref('int_call_days_of_bills')
)) }}
{%- endmacro %}

{% macro default__billed_requests_in_pass(keyed, call_days) -%}
select * from {{ keyed }}
{%- endmacro %}

{% macro duckdb__billed_requests_in_pass(keyed, call_days) -%}
select keyed.*
    from {{ keyed }} as keyed
    left join {{ call_days }} as call_days
        on
            keyed.load_number = call_days.load_number
            and keyed.line_number = call_days.line_number
    where call_days.line_number is null and {{ in_pass('keyed.billed_date') }}

    union all

    select keyed.*
    from {{ keyed }} as keyed
    inner join {{ call_days }} as call_days
        on
            keyed.load_number = call_days.load_number
            and keyed.line_number = call_days.line_number
    where {{ in_pass('call_days.call_date') }}
{%- endmacro %}

{# The days on which a pass begins, but for the first pass, which begins with the first day. #}
{% macro later_passes() %}
    {%- set begins_of_passes %}
    with

    counted as (

        select usage_date, call_count as row_count
        from {{ existing_relation('int_calls_counted') }}

        union all

        select billed_date as usage_date, line_count as row_count
        from {{ existing_relation('int_bill_lines_counted') }}

    ),

    summed as (

        select
            counted.usage_date,
            sum(sum(counted.row_count)) over (order by counted.usage_date) as rows_so_far
        from counted
        inner join {{ existing_relation('int_days_to_rebuild') }} as rebuilt_days
            on counted.usage_date = rebuilt_days.usage_date
        group by 1

    )

    select cast(min(usage_date) as varchar) as begins_on
    from summed
    group by floor(rows_so_far / {{ var('rows_per_pass') }})
    order by 1
    {%- endset -%}
    {{ return(run_query(begins_of_passes).columns[0].values()[1:] | list) }}
{% endmacro %}

{# An insert into a table for each pass. #}
{% macro inserted_in_passes(insert, later_passes) -%}
{%- set borders = [none] + later_passes + [none] -%}
{%- for begin in borders[:-1] %}
set variable pass_begin = {{ "date '" ~ begin ~ "'" if begin else 'null' }};
{%- set end = borders[loop.index] %}
set variable pass_end = {{ "date '" ~ end ~ "'" if end else 'null' }};
{{ insert }};
{%- endfor %}
reset variable pass_begin;
reset variable pass_end
{%- endmacro %}
