"""The words of the grammar: what stands in a query, a header, a first line; and what never should."""

from __future__ import annotations

from typing import Final

NUMBERS: Final = (
    b"0", b"1", b"-1", b"007", b"2147483648", b"1" + b"0" * 9, b"9" * 40, b"1e9", b"0x10", b"NaN", b"\xd9\xa1",
)  # fmt: skip
WORDS: Final = (
    b"", b"json", b"ai", b"classic", b"quantum", b"qtn", b"gzip", b"full", b"none", b"manifest", b"content", b"name",
    b"file,dir", b"tree,change", b"../..", b"/", b"..", b"%2e%2e/%2e%2e/etc/passwd", b"\x00", b"a\r\nSet-Cookie: a=b",
    b"\xff\xfe", "ｗｉｄｅ\u202e".encode(), b"(a+)+$", b"(?i)((((.*)*)*)*)", b"[", b"*" * 50, b"**/" * 30, b"!" * 9,
    b"=cmd|' /C calc'!A0", b"<script>alert(1)</script>", b"x" * 3000, b"\x1b[2J", b"{}", b"null",
)  # fmt: skip
HEADERS: Final = (
    b"Range: bytes=0-0", b"Range: bytes=-1", b"Range: bytes=0-0,1-1,2-2", b"Range: bytes=" + b"9" * 60 + b"-",
    b"If-Match: *", b'If-None-Match: "a", W/"b"', b"If-None-Match: \xff", b'If-Range: "a"',
    b"If-Modified-Since: never", b"Accept: application/x-ndjson", b"Accept: */*;q=0", b"Accept: \xff/\xff",
    b"Accept-Encoding: zstd;q=0.5, *;q=0", b"Accept-Encoding: gzip, zstd, br", b"Accept-Encoding: identity;q=0",
    b"Origin: https://evil.example", b"Origin: null", b"Access-Control-Request-Method: DELETE",
    b"X-Forwarded-For: 10.0.0.1, ::ffff:1.2.3.4", b"Forwarded: for=\"[::1]\";host=evil",
    b"X-Forwarded-Host: evil.example", b"Last-Event-ID: 0000000000000000-1", b"Last-Event-ID: \xff",
    b"Connection: keep-alive", b"Expect: 100-continue", b"Expect: miracles", b"Cookie: " + b"a=b; " * 200,
    b"Content-Type: application/json", b"Authorization: Bearer wrong", b"Authorization: Basic Og==",
    b"X-HTTP-Method-Override: DELETE", b"Upgrade: h2c", b"Upgrade: websocket", b"Content-Encoding: gzip",
    b"TE: trailers", b"Trailer: Content-Length", b"Max-Forwards: 0", b"Via: 1.1 a", b"X-Long: " + b"y" * 7000,
)  # fmt: skip
# What only a mutant has: with one of these a request need not be well-formed.
LINES: Final = (
    b"Content-Length: 5", b"Content-Length: 99999999999", b"Content-Length: -1", b"Transfer-Encoding: chunked",
    b"Transfer-Encoding : chunked", b"Host: evil.example", b"Host: [::1", b"Host:", b": nothing", b"no colon",
    b" folded", b"\tfolded", b"X: a\rb", b"X: a\nb", b"X: \x00", b"\xff\xff: \xff", b"Connection: close",
    b"Expect: 100-continue, x", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c", b"X-Long: " + b"z" * 9000,
    b"Content-Length: 5, 5",
)  # fmt: skip
MANY: Final = b"\r\n".join(b"X-%d: %d" % (n, n) for n in range(200))
VERSIONS: Final = (
    b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/9.9", b"http/1.1", b"HTTP/1.1 ", b"ICY/1.1", b"",
)  # fmt: skip
METHODS: Final = (
    b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"PROPFIND", b"M-SEARCH",
    b"get", b"PRI", b"SOURCE", b"G\x00T", b"X" * 300,
)  # fmt: skip
TARGETS: Final = (
    b"http://localhost%s", b"http://evil.example%s", b"https://localhost:1%s", b"//evil.example%s", b"*",
    b"localhost:80", b"http://[::1%s", b"http://a:x%s", b"\\\\evil%s", b"%s#fragment", b"/..%s", b"/%%2e%%2e%s",
    b"ftp://localhost%s", b"http://u:p@localhost%s", b"http://\xff%s", b"", b"?", b"%s%%00", b"/./%s", b"%s/",
    b"\t%s",
)  # fmt: skip
RAW: Final = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04", b"\x05\x01\x00", b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00",
    b"SSH-2.0-x\r\n", b"\x00" * 100, b"\r\n" * 3000, b"\n" * 100, b"A" * 20_000, b"GET " + b"/" * 20_000,
    b"EHLO x\r\n", b"*1\r\n$4\r\nPING\r\n", b"\x80\x2e\x01\x00\x02", b"PROXY TCP4 1.2.3.4",
)  # fmt: skip
SPECIAL: Final = (
    b"\r", b"\n", b"\r\n", b"\x00", b"\x7f", b"\x80", b"\xff", b" ", b"\t", b":", b",", b";", b"%", b"\x0b",
    b"\r\n\r\n",
)  # fmt: skip
