"""Drains no-op tasks through huey on MariaDB, and measures how soon an idle consumer picks one up.

Arguments: host port user password database. Prints one JSON object. The consumer has huey's own defaults, but for the
number of workers in the draining part, which is told.
"""

import json
import sys
import threading
import time

from huey.consumer import Consumer
from huey.contrib.sql_huey import SqlHuey
from peewee import MySQLDatabase

HOST, PORT, USER, PASSWORD, DATABASE = sys.argv[1:6]
DRAINED = 1500
WORKERS = 8
PICKED_UP = 60
PAUSE = 0.15

database = MySQLDatabase(DATABASE, host=HOST, port=int(PORT), user=USER, password=PASSWORD)
huey = SqlHuey("bench", database=database, results=False)
lock = threading.Lock()
started = []


@huey.task()
def noop():
    with lock:
        started.append(time.monotonic())


def wait_for(count):
    while len(started) < count:
        time.sleep(0.001)


def drain():
    for _ in range(DRAINED):
        noop()
    consumer = Consumer(huey, workers=WORKERS, periodic=False)
    begin = time.monotonic()
    consumer.start()
    wait_for(DRAINED)
    rate = DRAINED / (time.monotonic() - begin)
    consumer.stop(graceful=True)
    started.clear()
    return rate


def pick_up():
    consumer = Consumer(huey, workers=1, periodic=False)
    consumer.start()
    latencies = []
    for number in range(PICKED_UP):
        time.sleep(PAUSE)
        noop()
        accepted = time.monotonic()
        wait_for(number + 1)
        latencies.append(1000 * (started[number] - accepted))
    consumer.stop(graceful=True)
    return latencies


print(json.dumps({"workers": WORKERS, "jobs_per_second": drain(), "pick_up_ms": pick_up()}))
