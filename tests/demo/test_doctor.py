"""What the doctor finds, in environments laid out on disk."""

from __future__ import annotations

import base64
import hashlib
import sys
from importlib.metadata import distributions
from types import SimpleNamespace

import pytest

import guardrails
from guardrails import _doctor
from guardrails._doctor import NEEDED, OURS, findings, telemetry, versions


def install(site, name, files):
    """Lay out a distribution as an installer does, with the digests of its files."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    lines = []
    for path, content in files.items():
        target = site / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        lines.append(f"{path},sha256={digest},{len(content)}")
    (info / "RECORD").write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture
def site(tmp_path):
    """An environment with this package and what it needs, and nothing wrong."""
    for name in NEEDED:
        install(tmp_path, name, {f"{name}/__init__.py": b""})
    install(tmp_path, OURS, {"guardrails/__init__.py": b"ours", "guardrails/_errors.py": b"errors"})
    with (tmp_path / "inference_guardrails-1.0.dist-info" / "RECORD").open("a") as record:
        record.write("\nguardrails/__pycache__/_errors.cpython-311.pyc,,")
    return tmp_path


def found(site):
    return list(findings(distributions(path=[str(site)])))


def test_a_good_environment_has_no_findings(site):
    """A file without a digest, such as a compiled one, is none either."""
    assert found(site) == []


@pytest.mark.parametrize("name", ["guardrails-ai", "guardrails", "Guardrails_AI"])
def test_the_known_owners_of_the_import_name_are_named(site, name):
    """Also where their files are not recorded, as in an editable install."""
    install(site, name, {})
    (finding,) = found(site)
    assert name.lower().replace("_", "-") in finding
    assert "pip uninstall" in finding


def test_any_other_distribution_with_the_same_package_is_found(site):
    """By its files."""
    install(site, "other-rails", {"guardrails/hub.py": b""})
    (finding,) = found(site)
    assert "other-rails" in finding


def test_a_distribution_with_a_similar_name_is_no_collision(site):
    """Only the top-level package counts."""
    install(site, "nemo-guardrails", {"nemoguardrails/guardrails/__init__.py": b""})
    assert found(site) == []


def test_an_overwritten_file_is_found(site):
    """pip says nothing when another distribution replaces it."""
    (site / "guardrails" / "__init__.py").write_bytes(b"theirs")
    (finding,) = found(site)
    assert "guardrails/__init__.py" in finding
    assert "1 files" in finding


def test_a_deleted_file_is_found(site):
    """Uninstalling the other distribution takes it along."""
    (site / "guardrails" / "_errors.py").unlink()
    (finding,) = found(site)
    assert "guardrails/_errors.py" in finding


def test_a_missing_dependency_is_found(site):
    """By its distribution's name."""
    (site / "mapie-1.0.dist-info" / "METADATA").write_text("Name: other\n", encoding="utf-8")
    (finding,) = found(site)
    assert "not installed: mapie" in finding


def test_files_without_an_installed_distribution_are_found(tmp_path):
    """As when a folder is put on sys.path by hand."""
    assert any(f"no distribution {OURS}" in finding for finding in found(tmp_path))


def test_a_package_that_comes_first_on_the_path_is_found(site, monkeypatch, tmp_path):
    """A folder called guardrails in the working directory is enough."""
    monkeypatch.setattr(guardrails, "__path__", [str(tmp_path / "elsewhere")])
    (finding,) = found(site)
    assert "elsewhere" in finding


def test_a_package_without_its_init_is_found(site, monkeypatch, tmp_path):
    """Python would still import it, empty."""
    monkeypatch.setattr(_doctor, "_FOLDER", tmp_path / "gone")
    monkeypatch.setattr(guardrails, "__path__", [str(tmp_path / "gone")])
    (finding,) = found(site)
    assert "__init__.py is gone" in finding


def test_versions_name_what_is_not_installed(monkeypatch):
    """Rather than leaving it out."""
    monkeypatch.setattr(_doctor, "NEEDED", ("no-such-distribution",))
    assert any(line.split() == ["no-such-distribution", "not", "installed"] for line in versions())


def test_telemetry_without_an_sdk_goes_nowhere(monkeypatch):
    """The API alone does nothing."""
    monkeypatch.setattr(_doctor, "_version", lambda _: None)
    assert "go nowhere" in telemetry()


def test_a_disabled_sdk_is_named(monkeypatch):
    """By the environment variable of OpenTelemetry."""
    monkeypatch.setattr(_doctor, "_version", lambda _: "1.2.3")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert telemetry() == "1.2.3, disabled by OTEL_SDK_DISABLED"


def test_a_configured_sdk_is_told_from_the_api_and_from_nothing(monkeypatch):
    """By the provider in force for each signal."""
    provider = type("TracerProvider", (), {"__module__": "opentelemetry.sdk.trace"})()
    monkeypatch.setattr(_doctor, "_version", lambda _: "1.2.3")
    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", SimpleNamespace(get_meter_provider=object))
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)
    assert telemetry() == "1.2.3, configured in this process for nothing"
    monkeypatch.setitem(
        sys.modules, "opentelemetry.trace", SimpleNamespace(get_tracer_provider=lambda: provider)
    )
    assert telemetry() == "1.2.3, configured in this process for traces"
