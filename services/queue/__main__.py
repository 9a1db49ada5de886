"""Binds the socket of the queue, and runs the broker until told to stop."""

from services.queue.broker import TICK_S, Exchange
from shared.messaging.sockets import Hub
from shared.service import lifecycle


def main(life: lifecycle.Life) -> None:
    """Bind, and pass messages on until told to stop."""
    hub = Hub(life.settings)
    life.log.info("ready at %s", life.settings.queue_address)
    exchange = Exchange(hub, life.settings.max_age_s, life.settings.reread_s)
    while not life.stop.is_set():
        life.health.beat()  # no camera is no trouble of its own: who waits for a ready queue would wait for ever
        exchange.turn(TICK_S)
    hub.close()


if __name__ == "__main__":
    lifecycle.start("queue", main)
