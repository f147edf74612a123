"""JSON-RPC 2.0 over bytes: one request or a batch in, the response out. Knows nothing of HTTP.

Neighbouring `eth_sendRawTransaction` calls of a batch are sent together and share a block; everything else
runs in the order given. A client sees one short sentence of an unexpected fault; the log has the rest.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from registry.chain.embedded import encoding
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RpcError,
    TransactionRefused,
)
from registry.chain.embedded.methods import METHODS, raw_transaction
from registry.chain.embedded.queries import logs_method
from registry.core import strict_json

MAX_BATCH = 1_024
SEND = "eth_sendRawTransaction"

logger = logging.getLogger(__name__)

Response = dict[str, Any]


class RpcEndpoint:
    """Answers JSON-RPC about `chain`. `max_log_range`: blocks one `eth_getLogs` may span, None for any number."""

    def __init__(self, chain: EmbeddedChain, *, max_log_range: int | None = None, max_batch: int = MAX_BATCH) -> None:
        self._chain = chain
        self._methods = METHODS | {"eth_getLogs": logs_method(max_log_range)}
        self._max_batch = max_batch

    def handle(self, body: bytes) -> bytes | None:
        """The response to a request body; None if it asks for none (notifications only)."""
        try:
            request = strict_json.parse(body)
        except ValueError:
            return _encode(_failure(None, RpcError(PARSE_ERROR, "the request is not JSON")))
        if not isinstance(request, list):
            (response,) = self._answer([request])
            return None if response is None else _encode(response)
        if not 0 < len(request) <= self._max_batch:
            error = RpcError(INVALID_REQUEST, f"a batch holds 1 to {self._max_batch} requests, not {len(request)}")
            return _encode(_failure(None, error))
        responses = [response for response in self._answer(request) if response is not None]
        return _encode(responses) if responses else None

    def _answer(self, requests: list[Any]) -> Iterator[Response | None]:
        for sending, group in groupby(requests, key=_is_send):
            if sending:
                yield from self._send(list(group))
            else:
                yield from map(self._one, group)

    def _one(self, request: Any) -> Response | None:
        try:
            method, given = _parse(request)
            response = _success(request, self._call(method, given))
        except RpcError as error:
            response = _failure(request, error)
        return _unless_notification(request, response)

    def _call(self, method: str, given: Any) -> Any:
        known = self._methods.get(method)
        if known is None:
            raise RpcError(METHOD_NOT_FOUND, f"the method {method[:60]} does not exist")
        try:
            return known(self._chain, given)
        except RpcError:
            raise
        except Exception as error:
            logger.exception("%s failed", method)
            raise RpcError(INTERNAL_ERROR, "internal error") from error

    def _send(self, requests: list[Response]) -> Iterator[Response | None]:
        raws: list[bytes | RpcError] = []
        for request in requests:
            try:
                raws.append(raw_transaction(_parse(request)[1]))
            except RpcError as error:
                raws.append(error)
        sent = iter(self._send_all([raw for raw in raws if isinstance(raw, bytes)]))
        for request, raw in zip(requests, raws, strict=True):
            result = next(sent) if isinstance(raw, bytes) else raw
            if isinstance(result, RpcError):
                response = _failure(request, result)
            else:
                response = _success(request, encoding.data(result))
            yield _unless_notification(request, response)

    def _send_all(self, raws: list[bytes]) -> list[bytes | TransactionRefused]:
        try:
            return self._chain.send_raw(raws)
        except Exception:
            logger.exception("%s failed", SEND)
            return [TransactionRefused("internal error", INTERNAL_ERROR)] * len(raws)


def _is_send(request: Any) -> bool:
    return isinstance(request, dict) and request.get("method") == SEND


def _parse(request: Any) -> tuple[str, Any]:
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not isinstance(request.get("method"), str):
        raise RpcError(INVALID_REQUEST, "not a JSON-RPC 2.0 request")
    if not isinstance(request.get("id"), str | int | float | None) or isinstance(request.get("id"), bool):
        raise RpcError(INVALID_REQUEST, "the id must be a string, a number or null")
    given = request.get("params")
    return request["method"], [] if given is None else given


def _unless_notification(request: Any, response: Response) -> Response | None:
    """A well-formed request without an id wants no answer."""
    silent = isinstance(request, dict) and "id" not in request and _is_well_formed(request)
    return None if silent else response


def _is_well_formed(request: Response) -> bool:
    try:
        _parse(request)
    except RpcError:
        return False
    return True


def _success(request: Response, result: Any) -> Response:
    return {"jsonrpc": "2.0", "id": request.get("id"), "result": result}


def _failure(request: Any, error: RpcError) -> Response:
    identity = request.get("id") if isinstance(request, dict) else None
    known = identity if isinstance(identity, str | int | float) and not isinstance(identity, bool) else None
    return {"jsonrpc": "2.0", "id": known, "error": error.to_json()}


def _encode(response: Any) -> bytes:
    return json.dumps(response, separators=(",", ":")).encode()
