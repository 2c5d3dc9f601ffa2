"""Gold and program side by side on made data."""

from __future__ import annotations

from dataclasses import replace

from utils.databases.execute import QueryTimeoutError, ResultTooLargeError
from utils.proof.answers import Query, Run, proves_something
from utils.proof.compare import Answer, difference
from utils.proof.counterexample import Tables
from utils.proof.desk import Desk
from utils.proof.instances import Instance
from utils.proof.settings import ProofSettings

NO_ORDER = "the question asks for an order, but the program states none"


class Trial:
    """One gold query and one program, run on whatever data the desk's host is given."""

    def __init__(self, desk: Desk, gold: Query, candidate: Query, settings: ProofSettings) -> None:
        self.desk = desk
        self.gold = gold
        self.candidate = candidate
        self._limit_s = settings.query_limit_s
        self._superset = settings.superset

    def gold_on(self, tables: Tables, clock: str | None) -> Answer | None:
        """Gold's answer; None where it proves nothing."""
        self.desk.hold(tables)
        run = self.desk.on_instance(self._limit_s)
        try:
            answer = _ordered(self.gold, run, clock) if self.gold.orders else self.gold.answer(run, clock)
        except MemoryError:
            raise  # depends on the worker's limit: the sandbox tells it, and it is never kept
        except Exception:  # a gold that fails on this data, by an overflow or by taking too long, proves nothing on it
            return None
        if not proves_something(answer.rows):
            return None
        if self.gold.orders and answer.tie_groups is None:
            return replace(answer, tie_groups=[[row] for row in answer.rows])
        return answer

    def candidate_on(self, tables: Tables, clock: str | None) -> Answer:
        """The program's answer; raises what running it raises."""
        self.desk.hold(tables)
        run = self.desk.on_instance(self._limit_s)
        if self.gold.orders and self.candidate.orders:
            return _ordered(self.candidate, run, clock)
        return self.candidate.answer(run, clock)

    def difference_on(self, tables: Tables, clock: str | None, answer: Answer) -> str:
        """What the program gives otherwise than gold's `answer`; "" when nothing."""
        if self.gold.orders and not self.candidate.orders and len(answer.tie_groups or ()) > 1:
            return NO_ORDER
        try:
            given = self.candidate_on(tables, clock)
        except (QueryTimeoutError, ResultTooLargeError) as error:
            return str(error)
        except MemoryError:
            raise
        except Exception as error:
            return f"it fails: {one_line(error)}"
        if not (answer.noisy or given.noisy):
            return difference(answer, given, self._superset)
        if self.gold.limit == self.candidate.limit == 0:  # which row comes first is a matter of rounding
            return difference(Answer(answer.rows), Answer(given.rows), self._superset)
        return ""  # and so is which rows are kept

    def differ(self, tables: Tables, clock: str | None) -> bool:
        """Whether gold gives something and the program something else."""
        answer = self.gold_on(tables, clock)
        return answer is not None and bool(self.difference_on(tables, clock, answer))

    def agree(self, tables: Tables, clock: str | None) -> bool:
        """Whether gold gives something and the program the same."""
        answer = self.gold_on(tables, clock)
        return answer is not None and not self.difference_on(tables, clock, answer)

    def differ_in_any_row_order(self, instance: Instance) -> bool:
        """Whether a difference is there, too, when every table's rows stand the other way round.

        If not, it comes from how numbers were rounded while they were added up, or from a choice that nothing decides.
        """
        turned = {name: rows[::-1] for name, rows in instance.tables.items()}
        answer = self.gold_on(turned, instance.clock)
        first = self.gold_on(instance.tables, instance.clock)
        if answer is None or first is None or difference(first, Answer(answer.rows)):
            return False  # gold itself gives something else
        return bool(self.difference_on(turned, instance.clock, answer))


def _ordered(query: Query, run: Run, clock: str | None) -> Answer:
    """The answer with its ties, or without where the rewritten query fails."""
    try:
        return query.ordered_answer(run, clock)
    except MemoryError:
        raise
    except Exception:
        return query.answer(run, clock)


def one_line(error: BaseException) -> str:
    """An error's kind and words in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:600]
