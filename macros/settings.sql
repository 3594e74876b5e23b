{#
    A number that changes with the variables on which rows depend and with the text of the models.
    Not among them are drift_tolerance_pct and as_of: what they decide is made anew every time.
#}
{% macro settings_hash() %}
    {% set settings = [] %}
    {% for name in [
        'tolerance_pct', 'tolerance_usd', 'fallback_match_seconds', 'settle_hours',
        'billed_projects', 'reconcile_by_project'
    ] %}
        {% do settings.append(name ~ '=' ~ var(name)) %}
    {% endfor %}
    {% set nodes = graph.nodes.values() if execute else [] %}
    {% for node in nodes | sort(attribute='unique_id') if node.resource_type == 'model' %}
        {% do settings.append(node.name ~ '=' ~ node.checksum.checksum) %}
    {% endfor %}
    {{ return(local_md5(settings | join('|'))) }}
{% endmacro %}

{# The rows of seeds, each as its number, in one select. #}
{% macro hashed_rows(seed_names) %}
    {%- for seed_name in seed_names %}
    select
        '{{ seed_name }}' as seed_name,
        {{ row_hash(column_names(ref(seed_name))) }} as row_hash
    from {{ ref(seed_name) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}
