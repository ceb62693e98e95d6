r"""Marqant: a text in which tokens stand for what repeats, and back, exactly. Pure.

    MARQANT <unix time> <bytes of the text> <bytes that follow this line> [flags]
    <token>=<pattern>          as many as there are; a line feed in a pattern is written \n
    ---
    <the text, in which a token stands for its pattern>

A container is UTF-8. The crate `marqant` is the reference for reading it: a line ends in LF or CR LF, the last one ends
without; tokens are replaced, those of more bytes first, and those of as many in no certain order.
"""

from smarttree.marqant.decoder import MAGIC, Decoded, decode
from smarttree.marqant.encoder import ENCODE_BYTES_MAX, encode

__all__ = ["ENCODE_BYTES_MAX", "MAGIC", "Decoded", "decode", "encode"]
