"""The flags that bring a finished version to Google: into a bucket, and from there into a tuning job."""

from __future__ import annotations

import argparse
from pathlib import Path

from utils.core.arguments import positive_int, positive_number
from utils.core.console import UserError
from utils.core.paths import WorkDir
from utils.core.settings import Settings
from utils.gemini.calls import DEFAULT_MODEL
from utils.storage.addresses import bucket_and_name

ADAPTER_SIZES = (1, 2, 4, 8, 16, 32)


def add_publish_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags on uploading and tuning."""
    add = parser.add_argument_group("upload and tuning (Vertex AI)").add_argument
    add("--upload", metavar="URI", help="upload the version below gs://bucket/folder and make latest.json name it")
    add("--tune", action="store_true", help="print the tuning request for the uploaded version, as JSON")
    add("--submit", action="store_true", help="with --tune: create the tuning job, once a request; it costs money")
    add(
        "--submit-again", action="store_true", help="with --tune: create another job of the same request, and pay again"
    )
    add("--tune-status", action="store_true", help="tell how the submitted tuning jobs stand")
    add("--base-model", default=DEFAULT_MODEL, metavar="MODEL", help="model to tune (default %(default)s)")
    add(
        "--epochs", type=positive_int, metavar="N", help="passes over the training file (default: the service's choice)"
    )
    add(
        "--learning-rate-multiplier",
        type=positive_number,
        metavar="X",
        help="of the service's learning rate (default: the service's choice)",
    )
    add("--adapter-size", type=int, choices=ADAPTER_SIZES, help="(default: the service's choice)")
    add("--vertex-url", metavar="URL", help="another server that speaks the Vertex AI API, such as one on loopback")


def check_publish_arguments(args: argparse.Namespace, settings: Settings) -> None:
    """Refuse flags that do not go together, before any work is done; raises UserError."""
    if args.upload is not None:
        bucket_and_name(args.upload)
    submit_flag = "--submit-again" if args.submit_again else "--submit" if args.submit else ""
    if submit_flag and not args.tune:
        raise UserError(f"{submit_flag}: needs --tune; give both to create a tuning job")
    for name in ("epochs", "learning_rate_multiplier", "adapter_size"):
        if getattr(args, name) is not None and not args.tune:
            raise UserError(f"--{name.replace('_', '-')}: needs --tune; it is part of the tuning request")
    asks_service = submit_flag or ("--tune-status" if args.tune_status else "")
    if asks_service and not (settings.gcp_project and settings.gcp_project_location):
        raise UserError(
            f"{asks_service}: tuning is done by Vertex AI only, not with a key of the Developer API; "
            "set GCP_PROJECT and GCP_PROJECT_LOCATION in the environment or .env"
        )


def run_publish(args: argparse.Namespace, folder: Path, settings: Settings, work: WorkDir) -> None:
    """Upload the finished version in `folder`, tune on it, tell how jobs stand: what the flags ask for, in this order.

    Raises UserError for what the user can put right, Interrupted where a service stays down: running again goes on.
    """
    check_publish_arguments(args, settings)
    if args.upload is None and not args.tune and not args.tune_status:
        return
    from utils.dataset.publishing import publish_version  # loads Google's clients, 100 MB

    publish_version(args, folder, settings, work)
