# cython: language_level=3
"""Frames: the `change` events of a batch as wire bytes, without the GIL: JSON in Server-Sent Events (spec/HTTP.md).

Only for paths in ASCII, which hardly ever need more than a copy; the others are left to Python, one by one.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t
from libc.stdio cimport snprintf
from libc.string cimport memset, strlen

from smarttree._buffer cimport Buffer, make_room, put_byte, put_bytes, release
from smarttree._changes cimport (
    RENAMED, SAME, UNKNOWN, Changes, Told, change_of, delta_of, old_path_of, path_of, told_bytes,
)

from smarttree import wire

cdef bytes PREFIX_DELTA = wire.PREFIX_DELTA.encode()
cdef const char *BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
cdef const char **TYPES = [b"modified", b"created", b"deleted", b"renamed"]
cdef const char **KINDS = [b"file", b"dir", b"symlink", b"other"]
cdef const char **CONTENTS = [b"", b"same", b"changed"]


def change_frames(Changes changes not None, str timestamp not None, id, one_frame, *, bint only_content=False):
    """The `change` frames of a batch, all or only those that may have brought a file another content; the last one with
    `id`, where there is one.

    `timestamp` is JSON as it stands. `one_frame(change, timestamp, id)` makes those that this can't. About 0.4 µs each.
    """
    cdef bytes stamp = timestamp.encode(), last_id = b"" if id is None else id.encode()
    cdef const char *stamp_text = PyBytes_AS_STRING(stamp)
    cdef const char *id_text = PyBytes_AS_STRING(last_id)
    cdef const char *prefix = PyBytes_AS_STRING(PREFIX_DELTA)
    cdef size_t at = 0, next_at, last = last_told(changes, only_content)
    cdef Buffer out
    cdef const Told *told
    memset(&out, 0, sizeof(out))
    try:
        while at < changes.size:
            with nogil:
                while at < changes.size:
                    told = <const Told *>(changes.data + at)
                    next_at = at + told_bytes(told)
                    if is_told(told, only_content) and not put_frame(&out, told, stamp_text, prefix,
                                                                     id_text if at == last else NULL):
                        break
                    at = next_at
            if at < changes.size:
                told = <const Told *>(changes.data + at)
                frame = one_frame(change_of(told), timestamp, id if at == last else None)
                at += told_bytes(told)
                put_bytes(&out, PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame))
        if out.failed:
            raise MemoryError
        return PyBytes_FromStringAndSize(<char *>out.data, out.n)
    finally:
        release(&out)


cdef inline bint is_told(const Told *told, bint only_content) noexcept nogil:
    return not (only_content and told.content == SAME)


cdef size_t last_told(Changes changes, bint only_content) noexcept:
    """Where the last one is that is told; the end where there is none."""
    cdef size_t at = 0, last = changes.size
    while at < changes.size:
        if is_told(<const Told *>(changes.data + at), only_content):
            last = at
        at += told_bytes(<const Told *>(changes.data + at))
    return last


cdef inline void put_text(Buffer *out, const char *text) noexcept nogil:
    put_bytes(out, text, strlen(text))


cdef bint put_frame(Buffer *out, const Told *told, const char *stamp, const char *prefix,
                    const char *id) noexcept nogil:
    """One frame; `id` NULL or empty for none. False, and nothing is there, where a path is not in ASCII."""
    cdef size_t before = out.n
    cdef char[32] number
    put_text(out, b"event: change\ndata: {\"type\":\"")
    put_text(out, TYPES[told.type])
    put_text(out, b"\",\"path\":")
    if not put_json(out, path_of(told), told.path_size):
        out.n = before
        return False
    if told.type == RENAMED:
        put_text(out, b",\"old_path\":")
        if not put_json(out, old_path_of(told), told.old_path_size):
            out.n = before
            return False
    put_text(out, b",\"kind\":\"")
    put_text(out, KINDS[told.kind])
    snprintf(number, sizeof(number), b"\",\"size\":%llu", <unsigned long long>told.size)
    put_text(out, number)
    put_text(out, b",\"timestamp\":\"")
    put_text(out, stamp)
    put_text(out, b"\",\"delta\":\"")
    put_text(out, prefix)
    put_base64(out, delta_of(told), told.delta_size)
    if told.content != UNKNOWN:
        put_text(out, b"\",\"content\":\"")
        put_text(out, CONTENTS[told.content])
    put_text(out, b"\"}\n")
    if id != NULL and id[0]:
        put_text(out, b"id: ")
        put_text(out, id)
        put_byte(out, c"\n")
    put_byte(out, c"\n")
    return True


cdef bint put_json(Buffer *out, const uint8_t *text, size_t size) noexcept nogil:
    """A JSON string (RFC 8259, section 7), escaped as Python's encoder does it. False where it is not in ASCII."""
    cdef char[8] escape
    cdef size_t i
    cdef uint8_t byte
    if not make_room(out, 6 * size + 2):
        return True
    put_byte(out, c'"')
    for i in range(size):
        byte = text[i]
        if byte >= 0x80:
            return False
        if byte >= 0x20 and byte != c'"' and byte != c"\\":
            out.data[out.n] = byte
            out.n += 1
            continue
        put_byte(out, c"\\")
        if byte == c'"' or byte == c"\\":
            put_byte(out, byte)
        elif byte == c"\n":
            put_byte(out, c"n")
        elif byte == c"\r":
            put_byte(out, c"r")
        elif byte == c"\t":
            put_byte(out, c"t")
        elif byte == 8:
            put_byte(out, c"b")
        elif byte == 12:
            put_byte(out, c"f")
        else:
            snprintf(escape, sizeof(escape), b"u%04x", <unsigned int>byte)
            put_text(out, escape)
    put_byte(out, c'"')
    return True


cdef void put_base64(Buffer *out, const uint8_t *data, size_t size) noexcept nogil:
    """RFC 4648, section 4, with padding."""
    cdef size_t i = 0, left
    cdef uint32_t bits
    cdef uint8_t *at
    if not make_room(out, (size + 2) // 3 * 4):
        return
    while i < size:
        left = size - i
        bits = <uint32_t>data[i] << 16
        if left > 1:
            bits |= <uint32_t>data[i + 1] << 8
        if left > 2:
            bits |= data[i + 2]
        at = out.data + out.n
        at[0], at[1] = BASE64[bits >> 18], BASE64[bits >> 12 & 63]
        at[2] = BASE64[bits >> 6 & 63] if left > 1 else c"="
        at[3] = BASE64[bits & 63] if left > 2 else c"="
        out.n += 4
        i += 3
