"""A small proxy that serves a bench under a sub-path, as an office's web server does."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


@contextmanager
def proxied(bench: str, prefix: str, *, strips: bool = True, tells: bool = True) -> Iterator[str]:
    """Serves what lies at an address under a sub-path of another one, and gives that.

    Args:
        bench: Address that requests are passed on to.
        prefix: The sub-path, beginning with a slash.
        strips: Whether it is taken off what is passed on.
        tells: Whether the host that the browser asked for is passed on as well.

    At `/own` it has a page of its own.
    """
    place = urlsplit(bench)

    class Handler(http.server.BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            if self.path == "/own":
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>own</title>")
                return
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404)
                return
            path = self.path.removeprefix(prefix) if strips else self.path
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = self.headers["Host"]
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")
            }
            headers |= {"Host": asked} if tells else {}
            connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=300)
            connection.request(self.command, path, body or None, headers)
            response = connection.getresponse()
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                # As it comes: events must not wait for one another.
                while part := response.read1():
                    self.wfile.write(part)
                    self.wfile.flush()
            except (BrokenPipeError, ConnectionResetError):
                pass
            finally:
                connection.close()

        do_GET = do_HEAD = do_POST = pass_on  # noqa: N815 - their names there

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
