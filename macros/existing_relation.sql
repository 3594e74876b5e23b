{# The table that stands under a model's name, or none where there is none. #}
{% macro existing_relation(model_name) %}
    {% if execute %}
        {% for node in graph.nodes.values() if node.name == model_name and node.resource_type == 'model' %}
            {{ return(adapter.get_relation(node.database, node.schema, node.alias)) }}
        {% endfor %}
    {% endif %}
    {{ return(none) }}
{% endmacro %}

{#
    Whether every day is to be built: with --full-refresh, the first time, and when a table that
    is kept from build to build is gone.
#}
{% macro is_whole_build() %}
    {% if not execute or flags.FULL_REFRESH %}
        {{ return(true) }}
    {% endif %}
    {% for node in graph.nodes.values() if node.resource_type == 'model' and (
        node.config.materialized == 'incremental' or node.name in ('int_days_built', 'loaded_files')
    ) %}
        {% if not adapter.get_relation(node.database, node.schema, node.alias) %}
            {{ return(true) }}
        {% endif %}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}
