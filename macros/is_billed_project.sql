{# Whether the var billed_projects asks for the project; where it is empty it asks for all. #}
{% macro is_billed_project(project_id) -%}
{%- if var('billed_projects') -%}
coalesce({{ project_id }}, '') in (
    {%- for project in var('billed_projects') -%}
    '{{ project | replace("'", "''") }}'{{ ', ' if not loop.last }}
    {%- endfor -%}
)
{%- else -%}
true
{%- endif -%}
{%- endmacro %}
