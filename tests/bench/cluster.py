"""``python -m tests.bench.cluster``: kill those brokers of a real cluster that matter to workers; count what is wrong.

Three brokers with three replicas, two of which must agree; two workers of a group per protocol; events stream in all
the while.  A round kills, one after the other, the broker that coordinates the groups, the one that coordinates the
transactions of their first workers, and the one that leads most of their events and verdicts, and brings each back.

Prints a line of JSON per loss and per group; exit code 1 if anything was lost, doubled or out of order, or if a worker
ended.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.support.cluster import Cluster
from tests.support.cluster_trial import ROLES, Trial


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--rate", type=int, default=150, help="events per second and group")
    parser.add_argument("--protocol", choices=("classic", "consumer"), action="append")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        cluster = Cluster(Path(name, "kafka"))
        try:
            cluster.start()
            trial = Trial(cluster, given.protocol or ("classic", "consumer"), Path(name), given.rate)
            reports = trial.run(ROLES * given.rounds, lambda loss: print(json.dumps(asdict(loss)), flush=True))
        finally:
            cluster.stop()
    for report in reports:
        print(json.dumps(asdict(report)), flush=True)
    return 0 if all(report.sound for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
