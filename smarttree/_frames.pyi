from collections.abc import Callable

from smarttree._changes import Change, Changes

def change_frames(
    changes: Changes,
    timestamp: str,
    id: str | None,
    one_frame: Callable[[Change, str, str | None], bytes],
    *,
    only_content: bool = False,
) -> bytes: ...
