"""A small server at another origin, which takes whatever comes."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

# The access token of the tests' connection, which must never come here.
TOKEN = "canary-token-0001"


class Elsewhere:
    """Answers 200 to any request, or redirects it, and keeps what it has seen.

    Attributes:
        seen: each request as it came, from its first line to its body.
        location: where requests are redirected to, if anywhere.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.location = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.seen.append(f"{self.requestline}\n{self.headers}\n{body.decode()}")
                self.send_response(307 if outer.location else 200)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET  # noqa: N815  http.server calls it so

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
