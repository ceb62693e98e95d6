# cython: language_level=3
cdef int fail(int error, Py_ssize_t where) except -1
