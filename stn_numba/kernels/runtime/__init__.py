"""Find, load and run machine code: prebuilt libraries, the cache on disk, threads.

No machine code is made from these files, so the digest of kernel sources leaves them out.
"""
