"""What tests of proof share: worker processes that prove one program after another, as in a real run."""

from collections.abc import Callable, Iterator

import pytest

from utils.core.records import Verdict
from utils.proof.runner import Prover
from utils.proof.tasks import ProofTask

Prove = Callable[[ProofTask], Verdict]


@pytest.fixture(scope="session")
def prove() -> Iterator[Prove]:
    """Prove one task; nothing is kept between tasks."""
    with Prover(workers=1) as prover:

        def proven(task: ProofTask) -> Verdict:
            ((_task, verdict),) = prover.prove_all([task])
            return verdict

        yield proven
