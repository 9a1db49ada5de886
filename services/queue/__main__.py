"""Opens the queue's socket, and runs the broker until told to stop."""

from services.queue.broker import TICK_S, Broker
from shared.messaging.sockets import BrokerSocket
from shared.pipeline import Stage
from shared.service import lifecycle


def main(context: lifecycle.ServiceContext) -> None:
    """Bind the socket, then receive, act and dispatch until told to stop."""
    settings = context.settings
    socket = BrokerSocket(settings)
    context.log.info("ready at %s", settings.queue_address)
    broker = Broker(socket, max_age_s=settings.max_age_s, reread_s=settings.reread_s)
    while not context.stop.is_set():
        context.health.heartbeat()  # ready even without cameras: an orchestrator may wait for us before it starts them
        broker.run_once(TICK_S)
    socket.close()


if __name__ == "__main__":
    lifecycle.run_service(Stage.QUEUE, main)
