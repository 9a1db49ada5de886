"""Opens the queue's frame store and its socket, and runs the broker until told to stop."""

from services.queue.broker import TICK_S, Broker
from shared.messaging.frame_store import open_store
from shared.messaging.sockets import BrokerSocket
from shared.pipeline import Stage
from shared.service import lifecycle
from shared.service.collector import freeze_start
from shared.service.signals import return_large_memory
from shared.settings import ConfigError


def main(context: lifecycle.ServiceContext) -> None:
    """Bind the socket, then receive, act and dispatch until told to stop."""
    settings = context.settings
    return_large_memory()
    try:
        store = open_store(settings.frames)
    except OSError as error:
        raise ConfigError(f"FRAMES=shared is not possible ({error}): set FRAMES to auto or inline.") from error
    try:
        socket = BrokerSocket(settings, store.name)
        context.log.info("ready at %s", settings.queue_bind_address)
        broker = Broker(
            socket,
            settings.max_age_s,
            settings.reread_s,
            store,
            follow=settings.follow,
            mix_weights=settings.mix_weights,
        )
        freeze_start()
        while not context.stop.is_set():
            context.health.heartbeat()  # ready without cameras: an orchestrator may wait for us before it starts them
            broker.run_once(TICK_S)
        socket.close()
    finally:
        store.close()


if __name__ == "__main__":
    lifecycle.run_service(Stage.QUEUE, main)
