"""`waystate-mcp`: on standard input and output, or over HTTP."""

import argparse
import os
import sys

from waystate_client.client import KEY, URL, AsyncClient

MISSING = "This needs the `mcp` package: pip install 'waystate-client[mcp]'"
HOST = "127.0.0.1"


def serve(url: str | None, key: str | None, port: int | None, host: str = HOST) -> None:
    """Until it is ended. Raises ValueError, which says what is missing, before anything begins."""
    from waystate_client.mcp.server import connecting, new_server

    if port is None and not key:
        raise ValueError(f"Whose key? Set {KEY} to an API key: waystate keys create TENANT NAME --scopes …")
    AsyncClient(url, key or "asked-of-each")
    server = new_server(connecting(url, key if port is None else None))
    if port is None:
        server.run("stdio")
    else:
        print(f"MCP on http://{host}:{port}/mcp; each request bears its API key.", file=sys.stderr)
        server.run("streamable-http", host=host, port=port, stateless_http=True, json_response=True)


def serve_by_environment(port: int | None, host: str = HOST) -> None:
    serve(os.environ.get(URL), os.environ.get(KEY), port, host)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="waystate-mcp",
        description=f"Waystate for models. {URL} says where it is, {KEY} who asks. How: docs/how-to/mcp.md.",
    )
    parser.add_argument("--port", type=int, help="serve Streamable HTTP there, where each request bears its own key")
    parser.add_argument("--host", default=HOST, help=f"with --port; default {HOST}")
    given = parser.parse_args()
    try:
        serve_by_environment(given.port, given.host)
    except ImportError:
        sys.exit(f"waystate-mcp: {MISSING}")
    except ValueError as error:
        sys.exit(f"waystate-mcp: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
