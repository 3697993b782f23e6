"""The same work on many things by several processes, its results in order.

The pools of the standard library wait for ever when a process is killed while it hands over a result. Here each process
has a pipe of its own, which breaks with it.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Generic, Protocol, TypeVar

from vae_core.errors import PermanentError, VaejobError

T = TypeVar("T")
R = TypeVar("R")
T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Work(Protocol[T_contra, R_co]):
    """What a process does, with whatever it keeps open for it."""

    def do(self, task: T_contra) -> R_co:
        """The result for one task."""

    def close(self) -> None:
        """Close what is open."""


class _Spawned(Generic[T, R]):
    """A process that does one task at a time."""

    def __init__(self, begin: Callable[[], Work[T, R]]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, others = context.Pipe()
        self._process = context.Process(target=_serve, args=(others, begin), daemon=True)
        try:
            with _interrupts_waiting():
                self._process.start()
        finally:
            others.close()

    def send(self, task: T) -> None:
        """Give it a task to do."""
        with suppress(OSError):  # it died, as `result` will find
            self._pipe.send(task)

    def result(self) -> R:
        """Of the task sent last. Raises what the work raised, or PermanentError if the process died."""
        try:
            result: R | Exception = self._pipe.recv()
        except (EOFError, OSError) as error:
            what = "a process beside this one died, most likely for want of memory"
            raise PermanentError(f"{what}; try again with --processes 1") from error
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        """End it."""
        self._pipe.close()
        self._process.terminate()
        self._process.join()


def do_beside(begin: Callable[[], Work[T, R]], tasks: Iterable[T], processes: int) -> Generator[R]:
    """The result of each task, in order, by so many processes; leaving the generator early ends them.

    begin: called once in each process, so it has to be picklable, as tasks and results are. Each process has one task
    at a time, and gets the next when its result is taken: no more than that is ever held in memory.
    """
    with ExitStack() as stack:
        spawned = [stack.enter_context(closing(_Spawned[T, R](begin))) for _ in range(processes)]
        waiting = iter(tasks)
        busy: list[_Spawned[T, R]] = []
        for each, task in zip(spawned, waiting, strict=False):
            each.send(task)
            busy.append(each)
        while busy:
            each = busy.pop(0)
            result = each.result()
            for task in waiting:
                each.send(task)
                busy.append(each)
                break
            yield result


@contextmanager
def _interrupts_waiting() -> Iterator[None]:
    """Ctrl-C takes effect at the end, as half a started process complains loudly.

    A process that is started meanwhile never hears of Ctrl-C: its end is the affair of who started it.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone is interrupted
        yield
        return
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)  # the second, as a command takes it for the first
    handlers = {number: signal.signal(number, lambda number, _frame: came.append(number)) for number in numbers}
    try:
        resource_tracker.ensure_running()  # which else begins with the first process, and lifts our mask
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited; but other threads have none
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def _serve(pipe: Connection, begin: Callable[[], Work[T, R]]) -> None:
    """What a process does: one task after another, until nobody holds the other end of the pipe."""
    with suppress(BrokenPipeError, ConnectionResetError):
        try:
            with closing(begin()) as work:
                while True:
                    try:
                        task = pipe.recv()
                    except EOFError:
                        return
                    pipe.send(work.do(task))
        except (BrokenPipeError, ConnectionResetError):
            raise
        except VaejobError as error:
            pipe.send(error)
        except Exception as error:  # noqa: BLE001  # ends the command, told by the process that was called
            pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
