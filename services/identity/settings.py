"""What identity is told from outside."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.settings import LimitSettings, ServiceSettings


class Settings(ServiceSettings):
    """Identity's settings. `keys_file` and `secret` are kept apart from the database and from its backups."""

    model_config = SettingsConfigDict(env_prefix="PEERCAFE_IDENTITY_", env_nested_delimiter="__")

    redis_prefix: str = "identity:"
    keys_file: Path  # made once by services.identity.keys.make_key_file
    web_client_keys: str = '{"keys": []}'  # JWKS: the public keys by which the web client proves itself

    token_seconds: int = 300
    member_session_hours: int = 14 * 24
    staff_session_hours: int = 12
    predecessor_seconds: int = 60  # a rotated session still gets its successor this long
    signing_key_days: int = 30
    signing_key_lead_seconds: int = 3600  # published so long before it signs

    reads: LimitSettings = LimitSettings(rate=20, burst=60)  # of one's own account, by alias
    writes: LimitSettings = LimitSettings(rate=0.5, burst=60)
    # Steps that ask for the passphrase again, wrong ones too: each hashes once or twice, which everybody's sign-in waits for
    confirmations: LimitSettings = LimitSettings(rate=10 / 3600, burst=10)

    renew_keys_every_seconds: float = 60
    tidy_every_seconds: float = 3600

    # RFC 9106, second recommended option
    argon2_time_cost: int = 3
    argon2_memory_kib: int = 65_536
    argon2_lanes: int = 4
    argon2_threads: int = 2  # hashes at once: 64 MiB each
    argon2_queue: int = 100  # hashes under way and waiting; whoever comes then is told to come again
    passphrase_min_length: int = 10

    failures_before_waiting: int = 5
    longest_wait_seconds: int = 60
    failures_kept_hours: int = 24

    # The longest the switchboard holds what passes it
    notices_release_seconds: float = 60
    engagement_release_seconds: float = 3600
