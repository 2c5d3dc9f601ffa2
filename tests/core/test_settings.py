import pytest
from pydantic import SecretStr

from utils.core.console import mask_secrets
from utils.core.settings import Settings, load_settings

NAMES = [field.upper() for field in Settings.model_fields]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def env_file(tmp_path):
    path = tmp_path / ".env"
    path.write_text(
        "# comment\nGOOGLE_API_KEY=key-of-the-file\nGCP_PROJECT='file-project'\nexport GCS_BUCKET=bucket\nR2R_API_BASE=\n"
    )
    return path


def test_without_anything_all_is_unset(tmp_path):
    settings = load_settings(tmp_path / "none.env")
    assert settings == Settings() and not settings.can_call_gemini


def test_the_file_is_read(env_file):
    settings = load_settings(env_file)
    assert settings.google_api_key == SecretStr("key-of-the-file")
    assert (settings.gcp_project, settings.gcs_bucket) == ("file-project", "bucket")
    assert settings.gcp_project_location is None


def test_the_environment_goes_over_the_file(env_file, monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "key-of-the-environment")
    monkeypatch.setenv("GCP_PROJECT_LOCATION", "europe-west4")
    settings = load_settings(env_file)
    assert settings.google_api_key == SecretStr("key-of-the-environment")
    assert (settings.gcp_project, settings.gcp_project_location) == ("file-project", "europe-west4")


@pytest.mark.parametrize("name", ["GCP_PROJECT", "GCS_BUCKET"])
def test_empty_in_the_environment_means_unset(env_file, monkeypatch, name):
    before = load_settings(env_file)
    monkeypatch.setenv(name, "")
    assert load_settings(env_file) == before


def test_empty_in_the_file_means_unset(env_file):
    assert load_settings(env_file).r2r_api_base is None


def test_reading_leaves_the_environment_alone(env_file, monkeypatch):
    import os

    before = dict(os.environ)
    load_settings(env_file)
    assert dict(os.environ) == before


def test_secrets_are_neither_shown_nor_logged(env_file, monkeypatch):
    monkeypatch.setenv("R2R_API_KEY", "retrieval-key-1234")
    settings = load_settings(env_file)
    for shown in (repr(settings), str(settings), settings.model_dump_json(), f"{settings}"):
        assert "key-of-the-file" not in shown and "retrieval-key-1234" not in shown
    assert mask_secrets("sent key-of-the-file, retrieval-key-1234") == "sent ***, ***"


@pytest.mark.parametrize(
    ("found", "can"),
    [
        ({"google_api_key": "x"}, True),
        ({"gcp_project": "p", "gcp_project_location": "l"}, True),
        ({"gcp_project": "p"}, False),
        ({"gcp_project_location": "l"}, False),
    ],
)
def test_who_can_call_gemini(found, can):
    assert Settings.model_validate(found).can_call_gemini is can
