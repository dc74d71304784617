"""What can go wrong while a region starts: each error is one sentence for the person at the terminal."""


class StartFailure(Exception):
    """The region can't start. The message is one clear sentence, shown as it is."""


class PortBusy(StartFailure):
    """Another program listens on the port that somebody asked for."""


class JarsNotFetched(StartFailure):
    """Kafka's jars are neither in the cache nor reachable."""


class DiskFull(StartFailure):
    """The disk, or this user's share of it, has no room left."""


class EngineFailed(StartFailure):
    """PostgreSQL, Redis or Kafka ended, or didn't answer in time."""


class MigrationHalfFinished(StartFailure):
    """A database is in a state that no known revision explains."""


class Interrupted(StartFailure):
    """Somebody stopped the region while it was starting."""
