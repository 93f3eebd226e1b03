"""Imported before anything else where a test is not to have root's rights: from then on it is Debian's user mysql."""

import os
import pwd

if os.geteuid() == 0:
    account = pwd.getpwnam("mysql")
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
