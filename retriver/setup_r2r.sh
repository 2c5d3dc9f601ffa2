#!/usr/bin/env bash
# An R2R server of one's own on 127.0.0.1: PostgreSQL with pgvector, local models, R2R. No Docker, no account.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: retriver/setup_r2r.sh COMMAND

  up             install and start
  install        make the server's own Python environment
  start          start PostgreSQL, the local models and R2R, and wait until R2R answers
  stop           stop what `start` started
  status         say what runs, and where; exit status 3 unless everything does
  key            create an API key and write it to R2R_HOME/api_key
  key --env [FILE]
                 create an API key and write it, with the server's address, to FILE (default: the project's .env)

environment:
  R2R_HOME           where everything lies (default: training_data/r2r)
  R2R_VENV           the Python environment (default: R2R_HOME/venv)
  R2R_PYTHON         Python 3.11 or 3.12 to make it with (default: the first one found)
  R2R_PORT           R2R's port (default: 7272 if free, else any free one)
  R2R_POSTGRES_PORT  PostgreSQL's port (default: a free one)
  R2R_MODELS_PORT    the local models' port (default: a free one)
  R2R_REQUIRE_KEY    0 lets everyone on this machine in without a key (default: 1)
  R2R_POSTGRES_USER  as root only: the account PostgreSQL runs as (default: postgres, else nobody)
  GOOGLE_API_KEY     at `start`: Gemini writes the answers; without it they are quoted from the passages
  R2R_CHAT_MODEL     at `start`: the model that writes, in litellm's words (default: gemini/gemini-2.5-flash)
USAGE
}

fail() {
  echo "error: $*" >&2
  exit 2
}

absolute() { if [[ $1 == /* ]]; then echo "$1"; else echo "$PWD/$1"; fi; }

project="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
home="$(absolute "${R2R_HOME:-$project/training_data/r2r}")"
venv="$(absolute "${R2R_VENV:-$home/venv}")"
python="$venv/bin/python"
requirements="$project/requirements-r2r.txt"
run="$home/run" # pid files and ports
logs="$home/logs"
secrets="$home/secrets"
postgres="$home/postgres" # PostgreSQL's programs and data, its account's own
answers_within_s=180

# ---- processes: a pid file also says when the process began, so that a later one of the same pid is not taken for ours

began() { # boot, and clock ticks since then; nothing for a process that has ended, even if nobody asked how
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} != Z ]] && echo "$(</proc/sys/kernel/random/boot_id) ${fields[19]}"
}

remember() { printf '%s\n%s\n' "$2" "$(began "$2")" >"$run/$1.pid"; }

pid_of() { # the pid of NAME, if it still runs
  local pid="" since=""
  [[ -r $run/$1.pid ]] || return 1
  { read -r pid && read -r since; } <"$run/$1.pid" || return 1
  [[ -n $since && $(began "$pid") == "$since" ]] && echo "$pid"
}

end() { # stop NAME: asked first, killed after ten seconds
  local pid
  if pid="$(pid_of "$1")"; then
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
      pid_of "$1" >/dev/null || break
      sleep 0.1
    done
    if pid_of "$1" >/dev/null; then kill -KILL "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$run/$1.pid"
}

is_running() { pid_of postgres >/dev/null && pid_of models >/dev/null && pid_of r2r >/dev/null; }

base_url() { echo "http://127.0.0.1:$(cat "$run/port")"; }

free_port() { # PREFERRED if nobody has it, else any
  "$python" - "${1:-0}" <<'PY'
import socket, sys
for port in (int(sys.argv[1]), 0):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(probe.getsockname()[1])
        break
PY
}

answers() { # whether URL answers
  "$python" - "$1" 2>/dev/null <<'PY'
import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=5).read()
PY
}

wait_for() { # until NAME answers at URL
  local until=$((SECONDS + answers_within_s))
  until answers "$2"; do
    pid_of "$1" >/dev/null || { stop_all; fail "$1 did not start; $logs/$1.log says why"; }
    ((SECONDS < until)) || { stop_all; fail "$1 did not answer within $answers_within_s s; $logs/$1.log says more"; }
    sleep 0.5
  done
}

launch() { # NAME COMMAND...: in the background, detached, logged
  local name="$1"
  shift
  (cd "$home" && exec setsid nohup "$@" </dev/null >"$logs/$name.log" 2>&1 9>&-) &
  sleep 0.1 # until the process is the command's
  remember "$name" $!
}

# ---- PostgreSQL, which does not run as root

postgres_account() {
  local account="${R2R_POSTGRES_USER:-postgres}"
  if ! id -u "$account" >/dev/null 2>&1; then
    [[ -z ${R2R_POSTGRES_USER:-} ]] || fail "R2R_POSTGRES_USER: there is no account named $account"
    account=nobody
  fi
  echo "$account"
}

as_postgres() {
  if ((EUID == 0)); then
    (cd / && exec runuser -u "$account" -- env HOME="$postgres" "$@") 9>&-
  else
    HOME="$postgres" "$@" 9>&-
  fi
}

program() { # one of PostgreSQL's own programs, which find their libraries by this alone
  as_postgres env LD_LIBRARY_PATH="$bin/../lib" "$bin/$1" "${@:2}"
}

prepare_account() {
  pg0="$(compgen -G "$venv/lib/python3.*/site-packages/pg0/bin/pg0")" || fail "pg0 is missing: run \`$0 install\`"
  mkdir -p "$postgres"
  chmod 700 "$postgres"
  ((EUID == 0)) || return 0
  command -v runuser >/dev/null ||
    fail "runuser is missing: install Debian's util-linux, or run this as another user than root"
  account="$(postgres_account)"
  chown "$account" "$postgres"
  runuser -u "$account" -- test -x "$postgres" -a -x "$pg0" ||
    fail "the account $account, which PostgreSQL runs as, cannot reach $home or $venv:" \
      "set R2R_HOME (and R2R_VENV) to folders it can reach, such as /var/lib/r2r"
}

postgres_programs() { # the folder pg0 unpacked; the newest, if there are several
  compgen -G "$postgres/.pg0/installation/*/bin" | sort -V | tail -1
}

unpack_postgres() { # pg0 unpacks when it starts an instance; ours is made without it, so this one is dropped
  local missing
  if [[ -z $(postgres_programs) ]]; then
    as_postgres "$pg0" start --name unpack -p "$(free_port)" >"$logs/unpack.log" 2>&1 || true
    as_postgres "$pg0" drop --name unpack --force >>"$logs/unpack.log" 2>&1 || true
  fi
  bin="$(postgres_programs)"
  [[ -n $bin ]] || fail "PostgreSQL could not be unpacked; $logs/unpack.log says why"
  missing="$(LD_LIBRARY_PATH="$bin/../lib" ldd "$bin/postgres" "$bin"/../lib/{uuid-ossp,vector}.so |
    awk '/not found/ {print $1}' | sort -u | xargs)"
  [[ -z $missing ]] || fail "PostgreSQL needs $missing: apt-get install libossp-uuid16 (Debian), then run this again"
}

start_postgres() {
  local port="$1"
  if [[ ! -f $postgres/data/PG_VERSION ]]; then
    as_postgres bash -c 'umask 077; cat >"$HOME/password"' <<<"$POSTGRES_PASSWORD"
    as_postgres rm -rf "$postgres/data.new"
    program initdb -D "$postgres/data.new" -U postgres --pwfile="$postgres/password" \
      --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >"$logs/initdb.log" 2>&1 ||
      fail "PostgreSQL's data could not be set up; $logs/initdb.log says why"
    as_postgres rm -f "$postgres/password"
    as_postgres mv "$postgres/data.new" "$postgres/data"
  fi
  program pg_ctl -D "$postgres/data" -l "$postgres/postgres.log" -w -t 60 \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=''" start >"$logs/pg_ctl.log" 2>&1 ||
    fail "PostgreSQL did not start; $postgres/postgres.log says why"
  remember postgres "$(head -1 "$postgres/data/postmaster.pid")"
}

stop_postgres() {
  local pid
  if pid="$(pid_of postgres)"; then
    kill -INT "$pid" 2>/dev/null || true # a fast shutdown
    for _ in $(seq 300); do
      pid_of postgres >/dev/null || break
      sleep 0.1
    done
    if pid_of postgres >/dev/null; then kill -QUIT "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$run/postgres.pid"
}

# ---- commands

make_home() {
  mkdir -p "$home" || fail "R2R_HOME: $home cannot be made"
  chmod 711 "$home" # PostgreSQL's account passes through; files of ours are readable to us only
  (umask 077 && mkdir -p "$run" "$logs")
  exec 9>"$home/lock"
  flock -n 9 || fail "another setup_r2r.sh is at work in $home"
}

make_secrets() {
  if [[ ! -s $secrets ]]; then
    [[ ! -e $postgres/data ]] || fail "$secrets is gone, and $postgres/data cannot be opened without it: remove both"
    (
      umask 077
      for name in POSTGRES_PASSWORD ADMIN_PASSWORD SECRET_KEY; do
        echo "$name=$(od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n')"
      done >"$secrets.new"
      mv "$secrets.new" "$secrets"
    )
  fi
  # shellcheck disable=SC1090
  source "$secrets"
}

find_python() {
  local candidate
  for candidate in ${R2R_PYTHON:-python3.11 python3.12 python3}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "R2R needs Python 3.11 or 3.12: install one, or name it in R2R_PYTHON"
}

install_server() {
  local base stamp="$venv/.installed"
  make_home
  if [[ -f $stamp ]] && cmp -s "$requirements" "$stamp"; then
    echo "R2R is installed in $venv"
    return
  fi
  base="$(find_python)"
  "$base" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$base cannot make environments: apt-get install python3-venv (Debian), then run this again"
  echo "installing R2R into $venv (about 230 MB to download)"
  "$base" -m venv "$venv"
  # uv takes a tenth of pip's time; where it cannot reach the packages as pip is set up to, pip does it
  "$python" -m pip install -q --disable-pip-version-check "$(grep -E '^uv==' "$requirements")" 2>"$logs/install.log" &&
    "$python" -m uv pip install -q --python "$python" -r "$requirements" 2>>"$logs/install.log" ||
    "$python" -m pip install -q --disable-pip-version-check -r "$requirements" 2>>"$logs/install.log" ||
    fail "the packages could not be installed; $logs/install.log says why"
  cp "$requirements" "$stamp"
  echo "R2R is installed in $venv"
}

start_server() {
  local port models_port postgres_port site began_at=$SECONDS
  make_home
  [[ -f $venv/.installed ]] || fail "R2R is not installed in $venv: run \`$0 install\` first"
  if is_running; then
    echo "R2R is running already at $(base_url)"
    print_use
    return
  fi
  stop_all # what is left of a server that is not whole
  umask 077
  make_secrets
  prepare_account
  unpack_postgres
  port="${R2R_PORT:-$(free_port 7272)}"
  for name in R2R_PORT R2R_MODELS_PORT R2R_POSTGRES_PORT; do
    [[ -z ${!name:-} || ${!name} == "$(free_port "${!name}")" ]] || fail "$name: port ${!name} is taken; name another"
  done
  postgres_port="${R2R_POSTGRES_PORT:-$(free_port)}"
  start_postgres "$postgres_port"
  models_port="${R2R_MODELS_PORT:-$(free_port)}"
  PYTHONPATH="$project" launch models env -u GOOGLE_API_KEY "$python" -m retriver.local_models --port "$models_port"
  echo "$port" >"$run/port"
  echo "${R2R_REQUIRE_KEY:-1}" >"$run/require_key"
  ADMIN_PASSWORD="$ADMIN_PASSWORD" PYTHONPATH="$project" "$python" -m retriver.r2r_admin config \
    --out "$home/r2r.toml" --require-key "${R2R_REQUIRE_KEY:-1}" || { stop_all; exit 2; }
  wait_for models "http://127.0.0.1:$models_port/v1/models"
  site="$(compgen -G "$venv/lib/python3.*/site-packages")"
  unset R2R_CONFIG_NAME R2R_API_KEY
  R2R_CONFIG_PATH="$home/r2r.toml" R2R_HOST=127.0.0.1 R2R_PORT="$port" R2R_PROJECT_NAME=pydough \
    R2R_POSTGRES_HOST=127.0.0.1 R2R_POSTGRES_PORT="$postgres_port" R2R_POSTGRES_DBNAME=postgres \
    R2R_POSTGRES_USER=postgres R2R_POSTGRES_PASSWORD="$POSTGRES_PASSWORD" R2R_SECRET_KEY="$SECRET_KEY" \
    OPENAI_API_KEY=local OPENAI_BASE_URL="http://127.0.0.1:$models_port/v1" \
    OPENAI_API_BASE="http://127.0.0.1:$models_port/v1" \
    LITELLM_LOCAL_MODEL_COST_MAP=True TELEMETRY_ENABLED=false NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}" \
    TIKTOKEN_CACHE_DIR="$site/litellm/litellm_core_utils/tokenizers" \
    launch r2r "$python" -m r2r.serve
  wait_for r2r "http://127.0.0.1:$port/v3/health"
  echo "R2R runs at $(base_url), started in $((SECONDS - began_at)) s; stop it with \`$0 stop\`"
  print_use
}

print_use() {
  echo "R2R_API_BASE=$(base_url)"
  if [[ $(cat "$run/require_key") == 0 ]]; then
    echo "R2R_API_KEY= (no key is needed)"
  elif [[ -s $home/api_key ]]; then
    echo "R2R_API_KEY=\$(cat $home/api_key)"
  else
    echo "R2R_API_KEY= (create one with \`$0 key\`, or \`$0 key --env\` for the project's .env)"
  fi
}

stop_all() {
  end r2r
  end models
  stop_postgres
}

stop_server() {
  [[ -d $run ]] || { echo "nothing runs in $home"; return; }
  make_home
  if ! pid_of r2r >/dev/null && ! pid_of models >/dev/null && ! pid_of postgres >/dev/null; then
    echo "nothing runs in $home"
    return
  fi
  stop_all
  echo "stopped"
}

show_status() {
  local name pid
  [[ -f $venv/.installed ]] && echo "installed in $venv" || echo "not installed"
  for name in postgres models r2r; do
    if pid="$(pid_of "$name")"; then echo "$name runs (pid $pid)"; else echo "$name does not run"; fi
  done
  is_running || exit 3
  answers "$(base_url)/v3/health" || { echo "R2R does not answer; $logs/r2r.log says more"; exit 3; }
  print_use
}

create_key() {
  local options=()
  if [[ ${1:-} == --env ]]; then
    options=(--env "$(absolute "${2:-$project/.env}")")
  elif (($#)); then
    fail "key: unknown option $1; see \`$0 --help\`"
  fi
  is_running || fail "R2R does not run: \`$0 start\` first"
  # shellcheck disable=SC1090
  source "$secrets"
  ADMIN_PASSWORD="$ADMIN_PASSWORD" PYTHONPATH="$project" "$python" -m retriver.r2r_admin key \
    --base-url "$(base_url)" --out "$home/api_key" "${options[@]}"
}

case "${1:-}" in
up) install_server && start_server ;;
install) install_server ;;
start) start_server ;;
stop) stop_server ;;
status) show_status ;;
key) shift && create_key "$@" ;;
-h | --help | help) usage ;;
*)
  usage >&2
  exit 2
  ;;
esac
