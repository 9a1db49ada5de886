"""Binds the socket of the queue, and runs the broker until told to stop."""

from services.queue.broker import TICK_S, Broker
from shared.messaging.sockets import BrokerSocket
from shared.pipeline import Stage
from shared.service import lifecycle


def main(life: lifecycle.ServiceContext) -> None:
    """Bind, and pass messages on until told to stop."""
    hub = BrokerSocket(life.settings)
    life.log.info("ready at %s", life.settings.queue_address)
    exchange = Broker(hub, life.settings.max_age_s, life.settings.reread_s)
    while not life.stop.is_set():
        life.health.heartbeat()  # no camera is no trouble of its own: who waits for a ready queue would wait for ever
        exchange.turn(TICK_S)
    hub.close()


if __name__ == "__main__":
    lifecycle.run_service(Stage.QUEUE, main)
