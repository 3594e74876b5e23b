{# Fails with every row for which the expression is false or null. #}
{% test expression_holds(model, expression) %}

select *
from {{ model }}
where coalesce(not ({{ expression }}), true)

{% endtest %}
