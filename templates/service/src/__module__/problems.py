"""Problems: every error is answered in one form, that of RFC 9457."""

from http import HTTPStatus
from typing import Any, Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
# Declared for every operation, so that the document does not depend on
# what a version of FastAPI says about its own errors.
RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What is wrong.",
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["title", "status"],
                    "properties": {
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                    },
                }
            }
        },
    }
}


class Unavailable(Exception):
    """A backend that the service needs does not answer."""


def response(
    status: int, detail: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Returns the answer that tells of a problem."""
    content: dict[str, Any] = {"title": HTTPStatus(status).phrase, "status": status}
    if detail:
        content["detail"] = detail
    return JSONResponse(
        content, status, headers=dict(headers or {}), media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Makes the application answer its errors as problems."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Unavailable, _unavailable)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if detail == HTTPStatus(error.status_code).phrase:
        detail = ""
    return response(error.status_code, detail, error.headers)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # The value itself is never repeated.
    wrong = [
        ".".join(str(part) for part in one["loc"]) + ": " + one["msg"]
        for one in error.errors()
    ]
    return response(422, "; ".join(wrong))


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return response(503, str(error), {"Retry-After": "1"})
