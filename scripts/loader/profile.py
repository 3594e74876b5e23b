"""Which warehouse: the target of the dbt profile, read as dbt would read it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jinja2
import yaml

from loader.errors import UnusableInput

PROJECT = Path(__file__).resolve().parents[2]


def profile_target(target: str | None) -> tuple[str, dict[str, Any]]:
    """The name and settings of a target, from the dbt profile that `dbt build` would use.

    Raises UnusableInput when there is no profile, or no such target in it.
    """
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))
    folders = [os.environ.get("DBT_PROFILES_DIR"), PROJECT, Path.home() / ".dbt"]
    candidates = [Path(folder) / "profiles.yml" for folder in folders if folder]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise UnusableInput(
            "There is no profiles.yml. Copy profiles.example.yml to profiles.yml "
            "(`make setup` does it), or set DBT_PROFILES_DIR."
        )
    try:
        profile = (yaml.safe_load(found.read_text("utf-8")) or {}).get(project["profile"])
        if not profile:
            raise UnusableInput(f"{found}: it has no profile named {project['profile']!r}.")
        outputs = profile.get("outputs") or {}
        name = target or os.environ.get("DBT_TARGET") or _render(profile.get("target", "default"))
        if name not in outputs:
            raise UnusableInput(f"{found}: no target {name!r}. It has: {', '.join(outputs)}.")
        return name, {key: _render(value) for key, value in outputs[name].items()}
    except (yaml.YAMLError, AttributeError, jinja2.TemplateError) as error:
        raise UnusableInput(
            f"{found}: it cannot be read ({' '.join(str(error).split())[:300]}). "
            "Compare it with profiles.example.yml."
        ) from None


def _render(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _render(inner) for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    # not dbt's own Jinja, which takes half a second to import
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    # dbt's filters say what type a text is to have; a setting may stay a text here
    environment.filters |= dict.fromkeys(("as_text", "as_bool", "as_number", "as_native"), str)
    return environment.from_string(value).render(env_var=_env_var)


def _env_var(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise UnusableInput(f"The profile needs the environment variable {name}. Set it.")
    return value
