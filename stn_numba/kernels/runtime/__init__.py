"""Find, load and run machine code: libraries of a wheel, the cache on disk, threads.

No machine code is made from these files, so the digest that names compiled code leaves them out.
"""
