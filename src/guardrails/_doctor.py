"""Is the package that `import guardrails` finds this one, whole, with what it needs?"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, version
from pathlib import Path
from typing import Final

OURS: Final = "inference-guardrails"
NEEDED: Final = ("mapie", "numpy", "opentelemetry-api", "pandas", "pandera", "scikit-learn", "tenacity")

_TAKEN: Final = frozenset({"guardrails", "guardrails-ai"})  # distributions known to own the same import
_FOLDER: Final = Path(__file__).parent


def versions() -> Iterator[str]:
    """Python, this package, what it needs, and whether telemetry goes anywhere, one line each."""
    yield f"{'python':<20} {platform.python_version()} ({platform.system()}, {platform.machine()})"
    for name in (OURS, *NEEDED):
        yield f"{name:<20} {_version(name) or 'not installed'}"
    yield f"{'opentelemetry-sdk':<20} {telemetry()}"
    yield f"{'guardrails':<20} {_FOLDER}"


def findings(installed: Iterable[Distribution]) -> Iterator[str]:
    """What is wrong in this environment, each with its mend.

    Args:
        installed: the distributions of the environment.
    """
    known = {_name(one): one for one in installed}
    yield from (_collision(name) for name, one in sorted(known.items()) if _takes_our_place(name, one))
    yield from _shadowed(known.get(OURS))
    yield from _missing(known)
    if OURS in known:
        yield from _changed(known[OURS])


def _name(distribution: Distribution) -> str:
    name: str | None = distribution.metadata["Name"]
    return (name or "").lower().replace("_", "-")


def _takes_our_place(name: str, distribution: Distribution) -> bool:
    files = distribution.files or ()
    return name != OURS and (name in _TAKEN or any(path.parts[0] == "guardrails" for path in files))


def _collision(name: str) -> str:
    return (
        f"the distribution {name} installs a package `guardrails` as well, and pip overwrites one with the other without a "
        f"word. Keep one of the two in an environment: pip uninstall {name} {OURS}, then install the one you want."
    )


def _shadowed(ours: Distribution | None) -> Iterator[str]:
    package = sys.modules.get("guardrails")
    places = [Path(place).resolve() for place in getattr(package, "__path__", ())]
    if places and places[0] != _FOLDER.resolve():
        yield f"`import guardrails` finds {places[0]} before {_FOLDER}; take it off sys.path, or rename it."
    if not (_FOLDER / "__init__.py").is_file():
        yield f"{_FOLDER / '__init__.py'} is gone, as after uninstalling a package of the same name. {_REINSTALL}"
    if ours is None:
        yield f"no distribution {OURS} is installed here, only its files are importable. {_REINSTALL}"


_REINSTALL: Final = f"Install anew: pip install --force-reinstall --no-deps {OURS}."


def _missing(known: Iterable[str]) -> Iterator[str]:
    missing = sorted(set(NEEDED) - set(known))
    if missing:
        yield f"not installed: {', '.join(missing)}. Install {OURS} with its dependencies: pip install {OURS}."


def _changed(ours: Distribution) -> Iterator[str]:
    broken = [
        str(path) for path in ours.files or () if path.parts[0] == "guardrails" and not _as_installed(path)
    ]
    if broken:
        named = ", ".join(broken[:3]) + (", ..." if len(broken) > 3 else "")  # noqa: PLR2004 - enough to see which
        yield f"{len(broken)} files are not those that {OURS} installed: {named}. {_REINSTALL}"


def _as_installed(path: PackagePath) -> bool:
    """Whether the file has the digest that the installer recorded; compiled files have none."""
    if path.hash is None:
        return True
    try:
        content = Path(str(path.locate())).read_bytes()
    except OSError:
        return False
    digest = base64.urlsafe_b64encode(hashlib.new(path.hash.mode, content).digest())
    return digest.decode().rstrip("=") == path.hash.value


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def telemetry() -> str:
    """Whether spans and metrics go anywhere from this process.

    An SDK that nobody imported cannot be configured: the answer needs no import of OpenTelemetry.
    """
    sdk = _version("opentelemetry-sdk")
    if sdk is None:
        return "not installed; spans and metrics go nowhere"
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return f"{sdk}, disabled by OTEL_SDK_DISABLED"
    configured = [
        kind for kind, module in (("traces", "trace"), ("metrics", "metrics")) if _configured(module)
    ]
    named = " and ".join(configured) if configured else "nothing"
    return f"{sdk}, configured in this process for {named}"


def _configured(module: str) -> bool:
    api = sys.modules.get(f"opentelemetry.{module}")
    getter = getattr(api, "get_tracer_provider" if module == "trace" else "get_meter_provider", None)
    return getter is not None and type(getter()).__module__.startswith("opentelemetry.sdk")
