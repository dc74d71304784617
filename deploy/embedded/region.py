"""One whole region in one process: engines, migrations, topics, services, gateway; until somebody stops it."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError
from starlette.types import ASGIApp

from deploy import collector
from deploy.embedded import composition, notices
from deploy.embedded.errors import DiskFull, Interrupted, MigrationHalfFinished
from deploy.embedded.founding import found
from deploy.embedded.lifespans import Lifespan
from deploy.embedded.links import Links
from deploy.embedded.listeners import Listener, bind
from deploy.embedded.operators import Operators
from deploy.embedded.power_cut import BootMark, publish_last_day
from deploy.embedded.processes import disk_full_sentence, has_room, is_emptied_by_the_system
from deploy.embedded.progress import Progress
from deploy.embedded.secrets import SERVICES
from deploy.embedded.supervisor import Supervisor
from deploy.gateway.fallback import Fallback
from deploy.gateway.router import Gateway
from deploy.gateway.settings import GatewaySettings
from shared.database.migrations import HalfFinishedMigration, migrate
from shared.region import RegionFacts, load_region
from shared.telemetry import logging
from shared.telemetry import notices as told

DISK_FULL = "53100"  # SQLSTATE


@dataclass
class Region:
    """How one region is to be run. `port` 0 takes a free one."""

    data: Path
    region_file: Path
    port: int = 8080
    address: str = "127.0.0.1"
    progress: Progress = field(default_factory=Progress)

    async def run(self) -> None:
        """Start everything, serve until SIGINT or SIGTERM, stop everything.

        Raises StartFailure, with nothing left running.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        supervisor = Supervisor(self.data)

        def on_signal() -> None:
            supervisor.interrupt()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, on_signal)
        async with AsyncExitStack() as stack:
            stack.callback(supervisor.release)
            public = bind(self.address, self.port)
            stack.callback(public.close)
            inner, operators = bind("127.0.0.1", 0), bind("127.0.0.1", 0)
            stack.callback(inner.close)
            stack.callback(operators.close)
            facts = load_region(self.region_file)
            left_over = await asyncio.to_thread(supervisor.prepare, self.region_file)
            if left_over:
                self.progress.say(f"Ended what an earlier start left over: {', '.join(left_over)}.")
            if emptied := is_emptied_by_the_system(self.data):
                self.progress.say(
                    f"Mind that the system empties {emptied} now and then, and the data with it."
                )
            (self.data / "logs").mkdir(exist_ok=True)
            log = stack.enter_context((self.data / "logs" / "peercafe.log").open("a"))
            logging.configure("region", stream=log)
            mark = BootMark(self.data)
            stack.push_async_callback(asyncio.to_thread, _stop, supervisor, mark, self.progress)
            with suppress(Interrupted):
                try:
                    links = Links(supervisor)
                    await self._start_engines(supervisor, links)
                    if mark.machine_stopped():
                        again = await publish_last_day(supervisor.addresses())
                        self.progress.say(
                            f"The machine had stopped without warning: {again} records go out again."
                        )
                    mark.set()
                    for watching in (supervisor.watch(), links.watch(), links.watch_clusters()):
                        stack.callback(asyncio.create_task(watching).cancel)
                    await links.catch_up(self.progress.say, stop)
                    await self._serve(supervisor, facts, (public, inner, operators), stop)
                except Exception as error:
                    # An engine without room ends in many ways, and not each tells why.
                    if not isinstance(error, Interrupted) and not has_room(self.data):
                        raise DiskFull(disk_full_sentence(self.data / "x")) from error
                    raise

    async def _start_engines(self, supervisor: Supervisor, links: Links) -> None:
        with self.progress:
            loading = asyncio.create_task(asyncio.to_thread(composition.load))
            await asyncio.to_thread(supervisor.start, self.progress.engine, self.progress.jars)
            await loading
            await _all_or_first_error(links.prepare(), self._migrate_all(supervisor))

    async def _migrate_all(self, supervisor: Supervisor) -> None:
        for name in SERVICES:  # one after the other: Alembic's `op` is one for the whole process
            await self._migrate(supervisor, name)

    async def _migrate(self, supervisor: Supervisor, name: str) -> None:
        try:
            await migrate(supervisor.dsn(name).sqlalchemy, name)
        except HalfFinishedMigration as error:
            raise MigrationHalfFinished(str(error)) from error
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", "") == DISK_FULL:
                raise DiskFull(disk_full_sentence(self.data / "postgres")) from error
            raise
        await asyncio.to_thread(supervisor.postgres[name].limit_transactions, name)
        self.progress.database(name)

    async def _serve(
        self, supervisor: Supervisor, facts: RegionFacts, sockets: Sequence[Any], stop: asyncio.Event
    ) -> None:
        limits = GatewaySettings()
        gateway = Gateway(Fallback(facts), settings=limits)
        gateway.services = dict.fromkeys(SERVICES)
        public, inner, operators = sockets
        listeners = [
            Listener(gateway.public, public, limits, by_address=True),
            Listener(gateway.inner, inner, limits),
            Listener(Operators(gateway), operators, limits),
        ]
        async with AsyncExitStack() as stack:
            for listener in listeners:
                await listener.start()
                stack.push_async_callback(listener.stop)
            inner_url = f"http://127.0.0.1:{listeners[1].port}"
            engines = supervisor.addresses(
                gateway=f"http://{_host(self.address)}:{listeners[0].port}",
                operators=f"http://127.0.0.1:{listeners[2].port}",
            )
            with self.progress:
                for name in SERVICES:
                    settings = composition.service_settings(
                        name, engines, region=facts.id, region_file=self.region_file, inner=inner_url
                    )
                    gateway.services[name] = await self._start_service(stack, name, settings)
                settings = composition.web_settings(engines, region_file=self.region_file, inner=inner_url)
                gateway.web = await self._start_service(stack, "web", settings)
                invitation = await found(engines, facts, inner_url)
            engines.publish()
            collector.settle()
            self.progress.ready(engines.gateway, invitation)
            self._say_notices()
            stack.callback(asyncio.create_task(notices.watch(self.data, self.progress.mind)).cancel)
            await stop.wait()
            self.progress.stopping()
            for (
                listener
            ) in listeners:  # first, so that nobody meets half-stopped services; the public one before web's
                await listener.stop()

    def _say_notices(self) -> None:
        notices.keep(self.data, told.take())
        if lines := notices.read(self.data):
            self.progress.mind([*lines, notices.until_when(self.data)])

    async def _start_service(self, stack: AsyncExitStack, name: str, settings: Any) -> ASGIApp:
        app = composition.service_app(name, settings)
        lifespan = Lifespan(name, app)
        stack.push_async_callback(lifespan.stop)
        await lifespan.start()
        self.progress.service(name)
        return app


def _stop(supervisor: Supervisor, mark: BootMark, progress: Progress) -> None:
    supervisor.stop(progress.stopped)
    mark.clear()


async def _all_or_first_error(*awaitables: Any) -> None:
    """Like a task group, but with the error itself, since its message is for the person at the terminal."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in awaitables:
                group.create_task(one)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def _host(address: str) -> str:
    if ip_address(address).is_loopback or ip_address(address).is_unspecified:
        return "localhost"
    return address
