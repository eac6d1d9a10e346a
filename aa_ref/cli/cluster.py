"""Work on the workers of a Dask cluster: connecting, handing files over, calling them back."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from concurrent.futures import wait as wait_for_all
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any, NamedTuple, ParamSpec, TypeVar

import aa_ref

from .endings import FileError, Stopped, UsageError, stopped_by

__all__ = ["Computing", "Workers", "computing_on"]

P = ParamSpec("P")
R = TypeVar("R")
_LOOK, _PAUSE = 1.0, 0.05  # seconds between two looks at the client, and at the workers


class Computing(NamedTuple):
    """Who computes the blocks.

    Attributes
    ----------
    threads : int
        Of this process, or of all workers.
    client : distributed.Client or None
        Of a cluster, in their place.
    """

    threads: int
    client: Any = None


@contextmanager
def computing_on(scheduler: str | None) -> Iterator[Computing]:
    """Connect to a cluster's scheduler; without one, work is done here.

    Raises
    ------
    FileError
        If there is none at that address.
    UsageError
        If the package ``distributed`` is missing.
    """
    if scheduler is None:
        yield Computing(aa_ref.get_num_threads())
        return
    if find_spec("distributed") is None:
        raise UsageError("--scheduler needs distributed: pip install 'aa-ref[cli,dask]'")
    import distributed

    for name in "distributed", "distributed.client":  # what goes wrong is told below
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        connect: Any = distributed.Client
        client = connect(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise FileError(
            f"no scheduler answers at {scheduler} ({error}); `dask scheduler` starts one, and "
            "tells its address"
        ) from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise FileError(
                f"the scheduler at {scheduler} has no workers; `dask worker {scheduler}` starts one"
            )
        yield Computing(threads, client)


class Workers(Executor):
    """The workers of a cluster, as a pool whose tasks can be called back while they run.

    Dask cancels tasks that have not begun; one that runs goes on in its thread. Here it learns that
    it was cancelled, as `endings.give_up_if_stopped` does, and `shutdown` waits for its end.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._running = dict[str, Any]()  # by their keys, tasks that are not to be forgotten
        self._here = set[Future[Any]]()
        self._over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """End all that is waited for when the client gives up; `distributed` leaves some of it."""
        while self._client.status != "closed":
            if self._over.wait(_LOOK):
                return
        while not self._over.wait(_PAUSE):
            for here in self._here.copy():
                with suppress(InvalidStateError):
                    here.set_exception(CancelledError())
                self._here.discard(here)

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """See `concurrent.futures.Executor.submit`."""
        key = f"aa_ref-{uuid.uuid4().hex}"
        here: Future[R] = Future()

        def deliver(task: Any) -> None:
            with suppress(InvalidStateError):
                try:
                    here.set_result(_result_of(task))
                except Exception as error:
                    here.set_exception(error)
            self._running.pop(key, None)
            self._here.discard(here)

        if self._client.status == "closed":
            raise CancelledError
        self._here.add(here)
        task = self._client.submit(_on_worker, function, args, kwargs, key=key, pure=False)
        self._running[key] = task
        task.add_done_callback(deliver)
        return here

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `concurrent.futures.Executor.shutdown`. What is cancelled has ended after that."""
        if not cancel_futures:
            if wait:
                wait_for_all(self._here.copy())
            self._over.set()
            return
        running = dict(self._running)
        with suppress(OSError, CancelledError, RuntimeError):  # of a cluster that has ended
            self._client.cancel(list(running.values()))
            while wait and any(
                self._client.run(_works_on, set(running), on_error="ignore").values()
            ):
                time.sleep(_PAUSE)
        self._here.clear()
        self._over.set()


def _result_of(task: Any) -> Any:
    """Fetch what a task that is done with has come to, or raise its error."""
    if task.status == "error":
        raise task.exception()
    try:
        return task.result()
    except Exception as error:  # of the connection, not of the task
        raise CancelledError from error


def _on_worker(function: Callable[..., R], args: Any, kwargs: Any) -> R | None:
    """Call a function in a worker, until it is done or its task cancelled."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_cancelled() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    with stopped_by(is_cancelled):
        try:
            return function(*args, **kwargs)
        except Stopped:
            return None  # for nobody


def _works_on(keys: set[str], dask_worker: Any) -> bool:
    return any(task.key in keys for task in dask_worker.state.executing)
