"""``python -m tests.bench.kills``: kill workers with -9 while events stream through a real Kafka; count what is wrong.

Prints one line of JSON per trial; exit code 1 if anything was lost, doubled or out of order.  The seed repeats the
moments of the kills as far as a machine can.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.support.broker import Broker
from tests.support.redis_process import RedisProcess
from tests.support.stream_topics import StreamTopics
from tests.support.trial import Plan, run_trial


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=int, default=1_000, help="events per second")
    parser.add_argument("--protocol", choices=("classic", "consumer"), action="append")
    parser.add_argument("--redis", action="store_true", help="with Redis, killed half way and started again")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sound = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Broker(folder / "kafka", "group.consumer.session.timeout.ms=2000")
        redis = RedisProcess(folder / "redis")
        try:
            broker.start()
            redis.start()
            for protocol in given.protocol or ("classic", "consumer"):
                sound &= _trial(given, protocol, broker, redis, folder)
        finally:
            broker.stop()
            redis.stop()
    return 0 if sound else 1


def _trial(given: argparse.Namespace, protocol: str, broker: Broker, redis: RedisProcess, folder: Path) -> bool:
    env = {"KAFKA__GROUP_PROTOCOL": protocol, "PIPELINE__CHUNK_SIZE": "64"}
    if protocol == "classic":
        env["KAFKA__PROPERTIES"] = '{ "session.timeout.ms" = 2000, "heartbeat.interval.ms" = 500 }'
    if given.redis:
        env["REDIS__URL"] = redis.url

    def halfway() -> None:
        if given.redis:
            redis.kill()
            redis.start()

    plan = Plan(given.kills, given.events, given.workers, given.rate, seed=given.seed, env=env, halfway=halfway)
    trial = run_trial(StreamTopics(broker.bootstrap), plan, folder, lambda line: print(line, file=sys.stderr))
    delays = trial.delays_s
    report = {
        "protocol": protocol,
        "redis_killed": given.redis,
        "workers": given.workers,
        "events": given.events,
        "kills": trial.kills,
        **asdict(trial.outcome),
        "readers_agree": trial.readers_agree,
        "delay_p50_s": round(delays[len(delays) // 2], 3),
        "delay_max_s": round(delays[-1], 3),
        "seconds": round(trial.seconds, 1),
        "seed": given.seed,
    }
    print(json.dumps(report), flush=True)
    return trial.outcome.sound and trial.readers_agree


if __name__ == "__main__":
    sys.exit(main())
