"""What setup_r2r.sh needs done beside starting processes: R2R's configuration, and keys for its users.

Runs in R2R's own environment. Secrets come in by the environment and go out to files of mode 0600, never to a terminal.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from string import Template

from utils.core.console import UserError, remember_secret, run_script

TEMPLATE = Path(__file__).with_name("r2r.toml")
ADMIN = "admin@example.com"  # as r2r.toml names it
LOCAL_CHAT = "openai/quoted-passages"  # retriver.local_models
GEMINI_CHAT = "gemini/gemini-2.5-flash"
KEY_NAME = "R2R_API_KEY"
BASE_NAME = "R2R_API_BASE"


def rendered_config(template: str, admin_password: str, require_key: bool, chat_model: str) -> str:
    """R2R's configuration with what differs between servers filled in."""
    return Template(template).substitute(
        ADMIN_PASSWORD=admin_password, REQUIRE_KEY=str(require_key).lower(), CHAT_MODEL=chat_model
    )


def chat_model(google_api_key: str | None, chosen: str | None) -> str:
    """The model R2R asks to write: the `chosen` one, else Gemini where there is a key, else quoted passages."""
    return chosen or (GEMINI_CHAT if google_api_key else LOCAL_CHAT)


def with_variable(text: str, name: str, value: str) -> str:
    """`text` of an environment file with `name=value` in it, in the place of an earlier one."""
    lines = text.splitlines()
    places = [place for place, line in enumerate(lines) if line.split("=", 1)[0].strip() == name]
    if places:
        lines[places[-1]] = f"{name}={value}"  # of two, the last one counts
    else:
        lines.append(f"{name}={value}")
    return "\n".join(lines) + "\n"


def write_private(path: Path, text: str) -> None:
    """Replace `path` by a file that only its owner may read; it is never there half-written or readable."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def created_key(base_url: str, admin_password: str) -> str:
    """A new API key of the server's administrator."""
    from r2r import R2RClient, R2RException

    client = R2RClient(base_url, timeout=30)
    client.unset_api_key()
    try:
        client.users.login(ADMIN, admin_password)
        identity = client.users.me().results.id
        key = str(client.users.create_api_key(identity, name="pydough").results.api_key)
    except R2RException as error:
        raise UserError(
            f"R2R at {base_url}: no key could be created ({error.status_code}); look at `setup_r2r.sh status`"
        ) from error
    remember_secret(key)
    return key


def _config(arguments: argparse.Namespace) -> None:
    model = chat_model(os.environ.get("GOOGLE_API_KEY"), os.environ.get("R2R_CHAT_MODEL"))
    require_key = arguments.require_key == "1"
    text = rendered_config(TEMPLATE.read_text("utf-8"), os.environ["ADMIN_PASSWORD"], require_key, model)
    write_private(arguments.out, text)


def _key(arguments: argparse.Namespace) -> None:
    key = created_key(arguments.base_url, os.environ["ADMIN_PASSWORD"])
    if arguments.env is None:
        write_private(arguments.out, f"{key}\n")
        print(f"a new key is in {arguments.out}; use it with")
        print(f'  export {KEY_NAME}="$(cat {arguments.out})"')
        return
    text = arguments.env.read_text("utf-8") if arguments.env.exists() else ""
    text = with_variable(with_variable(text, BASE_NAME, arguments.base_url), KEY_NAME, key)
    write_private(arguments.env, text)
    print(f"{BASE_NAME} and a new {KEY_NAME} are in {arguments.env}")


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m retriver.r2r_admin", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    config = commands.add_parser("config", help="write R2R's configuration")
    config.add_argument("--out", type=Path, required=True)
    config.add_argument("--require-key", choices=("0", "1"), required=True)
    config.set_defaults(do=_config)
    key = commands.add_parser("key", help="create an API key")
    key.add_argument("--base-url", required=True)
    key.add_argument("--out", type=Path, required=True, help="file of the key")
    key.add_argument("--env", type=Path, help="environment file to write address and key to, instead")
    key.set_defaults(do=_key)
    arguments = parser.parse_args(argv)
    remember_secret(os.environ.get("ADMIN_PASSWORD"))
    arguments.do(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
