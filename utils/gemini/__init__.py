"""Everything between a prompt and a Gemini answer; knows nothing of PyDough.

- `calls`: `GeminiCall` (what is asked), `Reply` (what came back, with its status and `Usage`).
- `engine`: `open_engine(settings, ledger_path=...)` gives a `GeminiEngine`; `await engine.ask(call)`
  is a stored answer or a paced, retried and recorded request; `engine.counts` is the run's account.
- `rows`: `run_rows(rows, work, concurrency)` streams rows through async work, in order, and stops on signals.
- `pacing`: `Pacer`, one request at a time with retries, for any service.
- `faults`: `Fault`, `CallError` and what HTTP statuses and broken connections mean, for any service.
- `client`, `outcomes`, `errors`: the SDK's client, its responses and its errors, read.
- `ledger`: `Ledger`, the SQLite file of every answer paid for.

Errors that reach a caller: `CallError` (this row only, after all retries), `UserError` (wrong key, model
or request; ends the run), `Interrupted` (a signal or a spent daily quota; running again resumes).
"""
