import time, signal, os
from tests.core.recorder.fleet import *
from earthgazer_core.operations.mailbox import Mailbox
from tests.core.operations.conftest import fleet
import pytest
from pprint import pprint
def test_x(fleet, redis_client):
    w = fleet.start_worker(concurrency=1, pool="prefork", options=("-E",))
    w2 = fleet.start_worker(concurrency=1, pool="solo", name="two")
    w3 = fleet.start_worker(concurrency=1, pool="solo", name="two")
    m = Mailbox(fleet.app)
    for _ in range(3): fleet.app.tasks["steps.wait"].delay("go")
    fleet.app.control.rate_limit("steps.look","1/h")
    for _ in range(3): fleet.app.tasks["steps.look"].delay(1)
    fleet.app.tasks["steps.add"].apply_async((1,),countdown=300)
    time.sleep(1)
    pprint(m.ask_many([("reserved",{}),("scheduled",{}),("registered",{"taskinfoitems":["rate_limit"]}),("revoked",{}),("conf",{}),("clock",{}),("stats",{})],timeout_s=1.5))
    r=redis_client
    print(r.pubsub_channels("*"), r.pubsub_numsub("/0.celery.pidbox"), r.pubsub_numpat())
    def binds():
        for k in r.scan_iter("_kombu*"): print(k, r.smembers(k))
    binds()
    for c in r.client_list(): print({k:c[k] for k in ("id","cmd","flags","sub","psub","lib-name","name","age","idle")})
    fleet.raise_flag("go")
    fleet.stop_worker(w); print("stopped"); binds()
    fleet.kill_worker(w2); print("killed"); time.sleep(.5);binds()
    print(r.pubsub_channels("*"))
    print(r.info("persistence")); print(r.config_get("save"), r.config_get("maxmemory*"), r.config_get("append*"))
    print({k:v for k,v in r.info("memory").items() if "human" not in k}, r.info("stats").get("client_output_buffer_limit_disconnections"))
    m.close()
