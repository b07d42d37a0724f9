"""OpenStack Swift behind its S3 API in one process: swift-server.py DIRECTORY PORT ACCESS_KEY SECRET_KEY.

Swift's four servers (account, container, object, proxy) run as green threads with a ring of one device in DIRECTORY,
and log to standard error. What it answers on 127.0.0.1:PORT is what Debian's Swift answers.
"""
import logging
import os
import sys

import eventlet
import eventlet.wsgi

eventlet.monkey_patch()

from swift.common import utils  # noqa: E402: the patch comes first

# Tests outlive no power cut.
os.fsync = lambda _: None

directory, port, access_key, secret_key = sys.argv[1:]

utils.SWIFT_CONF_FILE = os.path.join(directory, "swift.conf")
with open(utils.SWIFT_CONF_FILE, "w") as conf:
    conf.write("[swift-hash]\nswift_hash_path_suffix = waybill\n")

from swift.common.ring import RingBuilder  # noqa: E402: reads swift.conf
from swift.common.wsgi import SwiftHttpProtocol, loadapp  # noqa: E402

# An access key of Swift's is an account and a user, "NAME:USER".
PROXY = f"""
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats bulk s3api tempauth copy slo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
# Few, so that listings of tests have several pages.
max_bucket_listing = 100
max_upload_part_num = 10000
dns_compliant_bucket_names = true
[filter:tempauth]
use = egg:swift#tempauth
user_{access_key.replace(":", "_")} = {secret_key} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
# A part that is not there yet would hold up a reader for a second.
rate_limit_after_segment = 10000
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


class Cache:
    """Stands for memcached: what is known of accounts and buckets."""

    def __init__(self):
        self.values = {}

    def get(self, key, **_):
        return self.values.get(key)

    def set(self, key, value, **_):
        self.values[key] = value

    def delete(self, key, **_):
        self.values.pop(key, None)


cache = Cache()


def cached(app):
    def answer(env, start_response):
        env["swift.cache"] = cache
        return app(env, start_response)

    return answer


def storage(kind):
    return f"[app:main]\nuse = egg:swift#{kind}\ndevices = {directory}/devices\nmount_check = false\n"


def serve(name, text, socket):
    file = os.path.join(directory, f"{name}.conf")
    with open(file, "w") as conf:
        conf.write(f"[DEFAULT]\nswift_dir = {directory}\nlog_level = WARNING\n{text}")
    return eventlet.spawn(
        eventlet.wsgi.server,
        socket,
        cached(loadapp(file)),
        log_output=False,
        custom_pool=eventlet.GreenPool(1000),
        protocol=SwiftHttpProtocol,
        capitalize_response_headers=False,
    )


def ring(name, listening):
    builder = RingBuilder(2, 1, 0)
    builder.add_dev(
        {
            "id": 0,
            "region": 1,
            "zone": 1,
            "weight": 1.0,
            "ip": "127.0.0.1",
            "port": listening.getsockname()[1],
            "device": "disk",
        }
    )
    builder.rebalance()
    builder.get_ring().save(os.path.join(directory, f"{name}.ring.gz"))


logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
os.makedirs(f"{directory}/devices/disk", exist_ok=True)
kinds = ("account", "container", "object")
sockets = {kind: eventlet.listen(("127.0.0.1", 0)) for kind in kinds}
for kind in kinds:
    ring(kind, sockets[kind])
servers = [serve(kind, storage(kind), sockets[kind]) for kind in kinds]
servers.append(serve("proxy", PROXY, eventlet.listen(("127.0.0.1", int(port)))))
for server in servers:
    server.wait()
