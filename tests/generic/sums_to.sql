{#
    A control total: fails when the sum of an expression over the model is not the sum of
    another expression over another relation. Exact, to the last digit.
#}
{% test sums_to(model, expression, to, to_expression, to_where='true') %}

with

here as (

    select cast(coalesce(sum({{ expression }}), 0) as decimal(38, 18)) as total
    from {{ model }}

),

there as (

    select cast(coalesce(sum({{ to_expression }}), 0) as decimal(38, 18)) as total
    from {{ to }}
    where {{ to_where }}

)

select
    here.total as found_total,
    there.total as expected_total
from here
cross join there
where here.total <> there.total

{% endtest %}
