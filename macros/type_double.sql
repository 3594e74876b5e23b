{# The type of a double, which Spark spells otherwise; dbt's own type_float() is single there. #}
{% macro type_double() %}{{ return(adapter.dispatch('type_double')()) }}{% endmacro %}

{% macro default__type_double() %}double precision{% endmacro %}

{% macro spark__type_double() %}double{% endmacro %}
