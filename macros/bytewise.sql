{#
    The text as bytes order it. Postgres sorts text by the language of the database, DuckDB and
    Spark by bytes; where an order decides a result, the engines must agree.
#}
{% macro bytewise(text) %}{{ return(adapter.dispatch('bytewise')(text)) }}{% endmacro %}

{% macro default__bytewise(text) %}{{ text }}{% endmacro %}

{% macro postgres__bytewise(text) %}{{ text }} collate "C"{% endmacro %}
