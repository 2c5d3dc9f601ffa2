"""Everything between a prompt and a Gemini answer; knows nothing of PyDough.

- `calls`: `GeminiCall` (what is asked), `Reply` (what came back, with its status and `Usage`).
- `engine`: `open_engine(settings, ledger_path=..., model=...)` gives a `GeminiEngine`; `await engine.ask(call)` is a
  stored answer or one that is bought, recorded and counted; `engine.account` is the run's account.
- `online` buys answers one by one, `batch` in jobs of a `batch_service`.
- `pacing`: `Pacer`, requests first in first out within quotas (`tokens`, `adaptive`, `quota_day`), retried, for any
  service.
- `budget`, `prices`, `account`: what may be spent, what a call costs, what a run has used.
- `ledger`: `Ledger`, the SQLite file of every call; `ledger_command` is its command line.
- `faults`: `Fault`, `CallError` and what HTTP statuses and broken connections mean, for any service.
- `client`, `outcomes`, `errors`: the SDK's client, its responses and its errors, read.
- `rows`: `run_rows(rows, work, concurrency)` streams rows through async work, in order, and stops on signals.

Errors that reach a caller: `CallError` (this row only, after all retries), `UserError` (wrong key, model or request;
ends the run), `Interrupted` (a signal; running again resumes), `Exhausted` (a quota or the budget is spent).
"""
