{#
    The project by which log, usage and bill are compared: `(all)` unless the var
    reconcile_by_project is set, and then `(none)` where a row names none.
#}
{% macro project_key(project_id) -%}
{%- if var('reconcile_by_project') -%}
coalesce({{ project_id }}, '(none)')
{%- else -%}
'(all)'
{%- endif -%}
{%- endmacro %}
