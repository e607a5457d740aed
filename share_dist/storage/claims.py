"""One driver at a time: a lock on a run's folder, a lease in a run's bucket."""

from __future__ import annotations

import atexit
import errno
import fcntl
import json
import logging
import os
import platform
import shlex
import signal
import stat
import threading
import time
import uuid
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from share_dist import errors
from share_dist.storage.stores import MACHINERY, Around, Entry

if TYPE_CHECKING:
    from share_dist.storage.s3 import S3Store

log = logging.getLogger("share_dist")

LOCK = ".run.lock.part"
"""Named like a file being written, so that no store lists it."""

LEASE = f"{MACHINERY}lease.json"
RENEW_EVERY_S = 5.0
PERIODS = 3
"""A lease that stays the same for so many of its own periods belongs to nobody who is alive and connected."""
_STOP = signal.SIGUSR2
"""Not SIGINT, which a shell's background jobs ignore."""

_LOCKED: dict[Path, IO[bytes]] = {}
_LEASED: dict[str, Lease] = {}


def lock_folder(root: Path) -> float | None:
    """Hold the folder until this process ends, however it ends; a second driver would undo the first one's work.

    Returns:
        When it was locked, in seconds by the clock of its file system; None where it could not be, or was before.

    Raises:
        errors.OtherRun: another process holds it.
        errors.NotWritable: the lock's name leads to another file.
    """
    if root in _LOCKED:
        return None
    file, locked = _open_lock(root / LOCK), True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        process = file.read(20).decode(errors="replace").strip()
        file.close()
        raise errors.OtherRun(
            f"{root} is being written by another process{f' (number {process})' if process else ''}.\n"
            "  Wait until it is done, or choose another --out."
        ) from None
    except OSError as error:
        log.warning("%s cannot be locked (%s): take care that no second command writes there", root, error.strerror)
        locked = False
    file.truncate(0)
    file.write(str(os.getpid()).encode())
    _LOCKED[root] = file
    return os.fstat(file.fileno()).st_mtime if locked else None


def _open_lock(path: Path) -> IO[bytes]:
    """Open the lock's own file, and no other one under its name: what is in it is replaced."""
    # What is open holds the claim; for writing, because NFS gives an exclusive lock on nothing else.
    how = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, how, 0o666)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):
            raise
        raise _no_lock(path) from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(handle)
        raise _no_lock(path)
    return open(handle, "rb+", buffering=0)


def _no_lock(path: Path) -> errors.NotWritable:
    return errors.NotWritable(
        f"{path} is a link or no regular file, so writing it would change something else; nothing was written.\n"
        f"  Delete it: rm {shlex.quote(str(path))}"
    )


def lease_bucket(store: S3Store) -> LeasedStore:
    """Return a run's store in a bucket, held until this process ends.

    No clock is compared with another: who is alive changes the lease, and who finds one that does not change takes it.

    Raises:
        errors.OtherRun: another driver is alive; the message names its host and process.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(_STOP, signal.default_int_handler)
    if store.uri() not in _LEASED or _LEASED[store.uri()].lost:
        _LEASED[store.uri()] = Lease(store)
    return LeasedStore(store, _LEASED[store.uri()])


def taken_over() -> errors.OtherRun | None:
    """Return why this process was interrupted, if it was because another driver took over one of its runs."""
    return next((lease.lost for lease in _LEASED.values() if lease.lost), None)


class Lease:
    """A small object in a run that its driver changes every few seconds, for as long as it lives."""

    def __init__(self, store: S3Store) -> None:
        self.store, self.renewals = store, 0
        self.name = {"host": platform.node(), "process": os.getpid(), "driver": uuid.uuid4().hex}
        self.lost: errors.OtherRun | None = None
        self.released = threading.Event()
        self.etag = self._take()
        threading.Thread(target=self._renew_until_released, name="lease", daemon=True).start()
        atexit.register(self.release)

    def release(self) -> None:
        """Give the run free for the next driver."""
        if self.released.is_set() or os.getpid() != self.name["process"]:
            return
        self.released.set()
        _LEASED.pop(self.store.uri(), None)
        try:
            if not self.lost and self._holder()[0].get("driver") == self.name["driver"]:
                self.store.remove([LEASE])
        except (errors.ShareDistError, FileNotFoundError) as error:
            # The next driver finds out by watching.
            log.debug("the lease of %s stays: %s", self.store.uri(), error)

    def _take(self) -> str:
        """Create the lease, or take over one that nobody renews, and return its ETag."""
        etag = self.store.replace(LEASE, self._text(), None)
        if etag:
            return etag
        try:
            holder, seen = self._holder()
        except FileNotFoundError:
            return self._take()
        log.info("%s was left by %s; watching whether it is alive", self.store.uri(), _driver(holder))
        deadline = time.monotonic() + PERIODS * float(holder.get("every_s", RENEW_EVERY_S))
        while time.monotonic() < deadline:
            time.sleep(min(float(holder.get("every_s", RENEW_EVERY_S)), max(deadline - time.monotonic(), 0.0)))
            try:
                if self._holder()[1] != seen:
                    raise self._occupied(holder)
            except FileNotFoundError:
                return self._take()
        taken = self.store.replace(LEASE, self._text(), seen)
        if taken is None:
            raise self._occupied(holder)
        return taken

    def _renew_until_released(self) -> None:
        while not self.released.wait(RENEW_EVERY_S):
            try:
                self._renew()
            except errors.ShareDistError as error:
                # Cut off, we cannot know; whoever takes over meanwhile is found out at the next answer.
                log.warning("the lease of %s was not renewed: %s", self.store.uri(), str(error).splitlines()[0])
            # Given free while a renewal was under way, the lease is gone because we took it away.
            if self.lost and not self.released.is_set():
                log.error("%s", self.lost)
                _interrupt_main_thread()
                return

    def _renew(self) -> None:
        self.renewals += 1
        etag = self.store.replace(LEASE, self._text(), self.etag)
        if etag is None:
            try:
                holder, etag = self._holder()
            except FileNotFoundError:
                holder = {}
            # An answer that was lost on the way makes our own renewal look like somebody else's.
            if etag is None or holder.get("driver") != self.name["driver"]:
                self.lost = errors.OtherRun(
                    f"{self.store.uri()} was taken over by {_driver(holder)}, because this one was cut off or stood "
                    "still for too long.\n  Leave it to that one; nothing was lost."
                )
                return
        self.etag = etag

    def _holder(self) -> tuple[dict[str, Any], str]:
        data, etag = self.store.read_tagged(LEASE)
        try:
            return dict(json.loads(data)), etag
        except (ValueError, TypeError, RecursionError):
            return {}, etag

    def _text(self) -> bytes:
        return json.dumps({**self.name, "every_s": RENEW_EVERY_S, "renewals": self.renewals}).encode()

    def _occupied(self, holder: dict[str, Any]) -> errors.OtherRun:
        return errors.OtherRun(
            f"{self.store.uri()} is being written by {_driver(holder)}.\n"
            "  Wait until it is done, or choose another --out."
        )


def _interrupt_main_thread() -> None:
    """Raise KeyboardInterrupt where the main thread waits, in Ray for hours perhaps; nothing else reaches it there."""
    if signal.getsignal(_STOP) is signal.default_int_handler:
        signal.pthread_kill(threading.main_thread().ident or 0, _STOP)


def _driver(holder: dict[str, Any]) -> str:
    if not holder:
        return "another driver"
    return f"another driver (process {holder.get('process')} on {holder.get('host')})"


class LeasedStore(Around):
    """A run's store that refuses to work for a driver whose lease was taken over."""

    def __init__(self, store: S3Store, lease: Lease) -> None:
        super().__init__(store)
        self.lease = lease

    def __repr__(self) -> str:
        return repr(self.store)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the bare store: only the driver renews, and stops its workers when it has to stop."""
        return _itself, (self.store,)

    def entries(self, prefix: str = "") -> list[Entry]:
        """See `Store`; the lease is no part of the run."""
        return [entry for entry in super().entries(prefix) if not entry.key.startswith(MACHINERY)]

    def _key(self, key: str) -> str:
        if self.lease.lost:
            raise self.lease.lost
        return key


def _itself(store: S3Store) -> S3Store:
    return store
