#!/usr/bin/python3
"""PyKMIP's server for tests: pykmip_server.py DIRECTORY CERTIFICATES PORT

Keeps database and log in DIRECTORY; servers with one DIRECTORY serve the same keys. PORT 0 chooses a free one. Says
"ready PORT" once it listens, and ends with everything it started when its standard input does.
"""

import os
import signal
import socket
import sys
import threading
import warnings

warnings.simplefilter("ignore")
from kmip.services.server import server  # noqa: E402

CONFIGURATION = """[server]
hostname=127.0.0.1
port={port}
certificate_path={certificates}/server.pem
key_path={certificates}/server.key
ca_path={certificates}/ca.pem
auth_suite=TLS1.2
policy_path={directory}/policy
enable_tls_client_auth=True
logging_level=INFO
database_path={directory}/kmip.db
"""


def end_with_input():
    # Not by sys.stdin: the processes that PyKMIP forks would wait for its lock.
    while os.read(0, 4096):
        pass
    os.killpg(0, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    directory, certificates, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    os.setsid()
    threading.Thread(target=end_with_input, daemon=True).start()
    port = port or free_port()
    os.dup2(os.open(f"{directory}/stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    os.makedirs(f"{directory}/policy", exist_ok=True)
    log = f"{directory}/server-{port}.log"
    open(log, "a").close()
    configuration = f"{directory}/server-{port}.conf"
    with open(configuration, "w") as out:
        out.write(CONFIGURATION.format(port=port, directory=directory, certificates=certificates))
    with server.KmipServer(config_path=configuration, log_path=log) as running:
        running._socket.listen(16)
        print("ready", port, flush=True)
        running.serve()


if __name__ == "__main__":
    main()
