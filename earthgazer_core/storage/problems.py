"""Foreign exceptions of object stores and file systems, in our words."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from earthgazer_core.errors import (
    EarthGazerError,
    NotFoundError,
    ServiceUnavailableError,
    StorageError,
)

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def storage_problems(uri: str, *, is_asked_with_keys: bool = True) -> Iterator[None]:
    """Turn what obstore raises inside into our errors."""
    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise NotFoundError(f"{uri}: there is no such bucket") from None
        raise NotFoundError(f"{uri} does not exist") from None
    except (PermissionDeniedError, UnauthenticatedError):
        if not is_asked_with_keys:
            raise StorageError(
                f"{uri} refuses whoever asks without keys, and ours go to no bucket on a catalogue's word:"
                " if it is meant, name the bucket in EARTHGAZER__CATALOG__HOSTS"
            ) from None
        raise StorageError(
            f"{uri} refuses access: check EARTHGAZER__STORAGE__S3_ACCESS_KEY_ID and"
            " EARTHGAZER__STORAGE__S3_SECRET_ACCESS_KEY; for a bucket whose requesters pay, agree to that"
            " with EARTHGAZER__STORAGE__S3_REQUESTER_PAYS=true"
        ) from None
    except PreconditionError as error:
        raise ServiceUnavailableError(f"{uri} changed while it was read") from error
    except AlreadyExistsError as error:
        raise StorageError(f"{uri} exists already") from error
    except InvalidPathError as error:
        raise StorageError(f"{uri} is no usable address") from error
    except BaseError as error:
        raise _generic(uri, str(error)) from error
    except ValueError as error:
        raise StorageError(f"{uri} is no usable address: {str(error).splitlines()[0]}") from error


def write_problem(folder: Path, error: OSError) -> EarthGazerError:
    """Return the error that a failed write below ``folder`` means."""
    if error.errno in _FULL:
        return StorageError(
            f"no space left to write in {folder} ({error.strerror}); make room there, then try again"
        )
    return StorageError(f"{folder} can't be written: {error.strerror or error}")


def _generic(uri: str, text: str) -> EarthGazerError:
    first = "".join(char if char.isprintable() else " " for char in text.split("\n\nDebug source")[0])[:300]
    status = re.search(r"status code: (\d{3})", text)
    if status is not None and status[1][0] in "34" and status[1] not in ("408", "429"):
        hint = "; is EARTHGAZER__STORAGE__S3_REGION right?" if status[1][0] == "3" else ""
        return StorageError(f"{uri}: the object store answered {status[1]}{hint}")
    return ServiceUnavailableError(f"{uri}: the object store can't be reached now: {first}")
