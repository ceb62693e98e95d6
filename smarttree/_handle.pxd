# cython: language_level=3
"""File handles: what names a directory for as long as it exists, and on which file systems that is so.

fanotify names directories by handle and does not hold them in memory. Where a handle is made up anew when an inode
comes back into memory (FAT), or one mark can't have the whole file system (btrfs with its subvolumes), events would be
lost without a word. So only file systems are taken of which it is known that handles last.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <errno.h>
    #include <fcntl.h>
    #include <string.h>
    #include <linux/magic.h>
    #include <sys/vfs.h>
    #define ST_XFS 0x58465342        /* in no header for programs */
    #define ST_HANDLE_FID 0x200      /* AT_HANDLE_FID, Linux 6.5: as fanotify has it, whether it can be opened or not */
    #define ST_UNIQUE_MOUNT 0x001    /* AT_HANDLE_MNT_ID_UNIQUE, Linux 6.12: a number that no other mount ever gets */
    #define ST_HANDLE_MAX 128
    struct st_handle { uint8_t fsid[8]; uint32_t bytes; int32_t type; uint8_t handle[ST_HANDLE_MAX]; };
    static int st_handle_of(int fd, struct st_handle *at, uint64_t *mount, int flags) {
        at->bytes = ST_HANDLE_MAX;
        *mount = 0;
        return name_to_handle_at(fd, "", (struct file_handle *)&at->bytes, (int *)mount, AT_EMPTY_PATH | flags);
    }
    /* The id of a file system on which handles last; else -1 and EOPNOTSUPP. */
    static int st_lasting_fsid(int fd, uint8_t *fsid) {
        struct statfs about;
        if (fstatfs(fd, &about) < 0) return -1;
        memcpy(fsid, &about.f_fsid, 8);
        switch ((uint32_t)about.f_type) {
        case EXT4_SUPER_MAGIC: case ST_XFS: case F2FS_SUPER_MAGIC: case TMPFS_MAGIC:
        case OVERLAYFS_SUPER_MAGIC:  /* can be marked only if it is mounted with nfs_export, and then they last */
            return 0;
        }
        errno = EOPNOTSUPP;
        return -1;
    }
    """
    ctypedef struct handle_t "struct st_handle":
        uint8_t fsid[8]
        uint32_t bytes
    int st_handle_of(int, handle_t *, uint64_t *, int) noexcept nogil
    int st_lasting_fsid(int, uint8_t *) noexcept nogil
    int ST_HANDLE_FID, ST_UNIQUE_MOUNT
