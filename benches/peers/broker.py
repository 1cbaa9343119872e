"""A Redis server of the comparison's own, and the stream in it."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import redis

from processes import PAUSE_SECONDS, ComparisonError, Program, free_port
from readings import Readings

STREAM = "antenna_stream"
START_SECONDS = 10.0
SOCKET_SECONDS = 120.0
OLDEST_MAJOR = 7


@dataclass(frozen=True)
class Broker:
    """A running server that nobody else uses."""

    port: int
    client: redis.Redis

    @property
    def version(self) -> str:
        """Version of the server."""
        return str(self.client.info("server")["redis_version"])

    def fill(self, readings: Readings) -> None:
        """Add every reading to the stream, in order, and check that all are there.

        Replies are switched off, so that nothing has to read a million of them; the count at the end tells what they
        would have told.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=SOCKET_SECONDS) as connection:
            connection.sendall(b"CLIENT REPLY OFF\r\n")
            for commands in readings.commands(STREAM):
                connection.sendall(commands)
            connection.sendall(b"CLIENT REPLY ON\r\n")
            if (reply := connection.recv(64)) != b"+OK\r\n":
                raise ComparisonError(f"redis-server answered {reply!r} after the readings were added")
        if (added := self.client.xlen(STREAM)) != len(readings):
            raise ComparisonError(f"the stream has {added} entries after {len(readings)} were added")

    @contextlib.contextmanager
    def copy(self, name: str) -> Iterator[None]:
        """Keep a copy of the stream for a program that writes; it is deleted afterwards with all that was written."""
        try:
            if not self.client.copy(STREAM, name):
                raise ComparisonError(f"redis-server did not copy the stream to {name}")
            yield
        finally:
            self.client.delete(name, *self.client.scan_iter(f"{{{name}}}:*"))


@contextlib.contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """Run a server on a free port of the loopback interface; it writes nothing to disk."""
    port = free_port()
    where = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command = ["redis-server", *where, "--save", "", "--appendonly", "no", "--daemonize", "no"]
    with Program("redis-server", command, folder, {}) as program:
        client = redis.Redis(
            port=port, protocol=2, decode_responses=True, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=1
        )
        with client:
            _await_start(program, client)
            yield Broker(port, client)


def _await_start(program: Program, client: redis.Redis) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server = client.info("server")
            break
        except redis.RedisError as error:
            if program.has_ended() or time.monotonic() > deadline:
                raise program.failure(f"does not answer: {error}") from error
        time.sleep(PAUSE_SECONDS)
    # Another program may have taken the port in the meantime.
    if server["process_id"] != program.pid:
        raise program.failure("lost its port to another server; please try again")
    if int(server["redis_version"].split(".")[0]) < OLDEST_MAJOR:
        raise ComparisonError(f"Redis {OLDEST_MAJOR}.0 or newer is needed, this is {server['redis_version']}")
